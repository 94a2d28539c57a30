import type { Socket } from 'node:net'
import { getHeapStatistics } from 'node:v8'
import cors from '@fastify/cors'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import underPressure from '@fastify/under-pressure'
import {
  type ConnectionError,
  type FastifyBaseLogger,
  type FastifyInstance,
  fastify,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from 'fastify'
import type { Logger } from '../ports/logger.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { ReadFreshness } from '../ports/read-freshness.ts'
import { logAccess } from './access-log.ts'
import { waitForAtLeast } from './at-least.ts'
import { type Authenticator, requireAccess } from './authentication.ts'
import { closeWithoutWaiting } from './closing.ts'
import { correlationIdOf, withCorrelation } from './correlation.ts'
import { acceptJsonOnly } from './json-body.ts'
import { type OriginPolicy, refuseForeignCallers } from './origin-check.ts'
import { problem } from './problem.ts'
import { answerProblems, problemFor, sendProblem } from './problem-handler.ts'
import { validatorCompiler } from './validation.ts'

const SECOND_MS = 1_000
const BODY_LIMIT_BYTES = 1024 * 1024
/** A server's name may have 300 characters, each percent-encoded. */
const MAX_PARAM_LENGTH = 1_000
const MAX_EVENT_LOOP_DELAY_MS = 1_000

/** Where the browsable API document is. */
export const DOCS_PREFIX = '/docs'

export type HttpApp = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

export type HttpAppDeps = {
  readonly authenticator: Authenticator
  readonly freshness: ReadFreshness
  readonly logger: Logger
  readonly metrics: Metrics
  readonly origins?: OriginPolicy
  /** Aborted when the process is asked to stop: clients are told to connect anew, elsewhere. */
  readonly draining?: AbortSignal
}

/**
 * The HTTP platform that every context's routes are mounted on: authentication, limits,
 * problems, correlation, freshness. A route registered on it must state `config.access`.
 */
export async function createHttpApp(deps: HttpAppDeps): Promise<HttpApp> {
  const app = fastify({
    logger: false,
    genReqId: correlationIdOf,
    requestIdHeader: false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: 30 * SECOND_MS,
    keepAliveTimeout: 72 * SECOND_MS,
    http: { headersTimeout: 10 * SECOND_MS, connectionsCheckingInterval: SECOND_MS },
    forceCloseConnections: 'idle',
    // What arrives on an open connection while the server closes is answered like the rest.
    return503OnClosing: false,
    routerOptions: { maxParamLength: MAX_PARAM_LENGTH },
    frameworkErrors: (error, request, reply) => {
      sendProblem(request, reply, problemFor(error))
    },
    clientErrorHandler: refuseMalformedRequest,
  }).withTypeProvider<TypeBoxTypeProvider>()

  app.setValidatorCompiler(validatorCompiler())
  acceptJsonOnly(app)
  answerProblems(app, deps.logger)
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers({ ...SECURITY_HEADERS, 'x-correlation-id': request.id })
    withCorrelation(request.id, done)
  })
  logAccess(app, deps)
  declareForeignRoutes(app)
  declarePublicCatalogue(app)
  await app.register(cors, { origin: false, strictPreflight: false })
  await shedLoad(app)
  refuseForeignCallers(app, deps.origins ?? {})
  requireAccess(app, deps.authenticator)
  waitForAtLeast(app, deps.freshness)
  showPosition(app)
  closeWithoutWaiting(app, deps.draining)
  return app
}

const SECURITY_HEADERS = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
} as const

/** Routes that plugins add cannot state their access: the preflight of CORS, the API document. */
function declareForeignRoutes(app: HttpApp): void {
  app.addHook('onRoute', (route) => {
    const preflight = route.url === '*' && route.method === 'OPTIONS'
    const docs = route.url === DOCS_PREFIX || route.url.startsWith(`${DOCS_PREFIX}/`)
    if (preflight || docs) route.config = { ...route.config, access: 'anyone' }
  })
}

/** Only the public catalogue has CORS: reads, from every origin, without credentials. */
function declarePublicCatalogue(app: HttpApp): void {
  const open = { origin: '*', methods: 'GET', credentials: false, maxAge: 600 }
  app.addHook('onRoute', (route) => {
    if (route.config?.access !== 'public-catalogue') return
    route.config.cors = open
    if (route.method !== 'GET') return
    app.route({
      method: 'OPTIONS',
      url: route.url,
      schema: { hide: true },
      config: { access: 'anyone', cors: open },
      handler: async (_request, reply) => reply.code(204).send(),
    })
  })
}

async function shedLoad(app: HttpApp): Promise<void> {
  await app.register(underPressure, {
    maxEventLoopDelay: MAX_EVENT_LOOP_DELAY_MS,
    maxHeapUsedBytes: Math.floor(getHeapStatistics().heap_size_limit * 0.9),
    pressureHandler: (request, reply) => {
      if (request.routeOptions.url === '/health/live') return
      sendProblem(request, reply, problem(503, 'overloaded', 'Too much is going on; retry.'))
    },
  })
}

/** A command's position also as a header, for clients that pass it on without reading the body. */
function showPosition(app: HttpApp): void {
  app.addHook('preSerialization', async (request, reply, payload) => {
    if (request.method === 'GET' || typeof payload !== 'object' || payload === null) return payload
    const { position } = payload as { readonly position?: unknown }
    if (typeof position === 'string') reply.header('tidemark-position', position)
    return payload
  })
}

/** What is not even HTTP never becomes a request: the answer is written to the socket. */
function refuseMalformedRequest(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed || !socket.writable) return
  const [status, reason] =
    error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
      ? [408, 'Request Timeout']
      : error.code === 'HPE_HEADER_OVERFLOW'
        ? [431, 'Request Header Fields Too Large']
        : [400, 'Bad Request']
  const code = reason.toLowerCase().replaceAll(' ', '-')
  const body = JSON.stringify(problem(status, code, 'The request is not understood.').problem)
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nContent-Type: application/problem+json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
