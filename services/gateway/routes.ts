import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import { type Static, Type } from 'typebox'
import { UUID } from '../../domain/kernel/ids.ts'
import {
  listServerProcesses,
  type ServerProcess,
  type ServerProcessesTables,
} from '../../projections/gateway/server-processes.ts'
import { parseJson } from '../kernel/json-body.ts'
import { decodeCursor, PageQuery, pageOf } from '../kernel/page.ts'
import { ProblemError, problem } from '../kernel/problem.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { Metrics } from '../ports/metrics.ts'
import { refuse } from './call-answer.ts'
import type { UsageRecorder } from './call-log.ts'
import { refusal } from './inbound.ts'
import { RPC } from './json-rpc.ts'
import { McpEndpoint, type McpEndpointDeps, type ReceivedBody } from './mcp-endpoint.ts'
import { quarantineRoutes } from './quarantine-routes.ts'
import { Installation } from './schemas.ts'
import type { LiveProcess, ServerProcesses } from './server-processes.ts'
import { ToolLists } from './tool-lists.ts'

export type GatewayDeps = {
  readonly store: EventStore
  readonly db: Kysely<ServerProcessesTables>
  readonly processes: ServerProcesses
  readonly usage: UsageRecorder
  /** Of MCP's older revisions. */
  readonly sessions: McpEndpointDeps['sessions']
  readonly now: () => Date
  readonly logger: Logger
  readonly metrics: Metrics
  /** Without progress for so long, a call has failed; by default a minute. */
  readonly callTimeoutMs?: number
}

const MAX_BODY_BYTES = 4 * 1024 * 1024
const DEFAULT_CALL_TIMEOUT_MS = 60_000

const mcp = {
  tags: ['mcp'],
  params: Installation,
} as const

const Process = Type.Object({
  processId: Type.String({ format: 'uuid' }),
  installationId: Type.String({ format: 'uuid' }),
  version: Type.String(),
  sandbox: Type.String({ description: '`bubblewrap`, or `none` when the operator allowed that' }),
  status: Type.Enum(['running', 'draining', 'stopped', 'unknown'], {
    description: '`unknown`: started by another gateway, or by one that was killed',
  }),
  inFlight: Type.Integer({ description: 'calls that wait for an answer' }),
  startedAt: Type.String({ format: 'date-time' }),
  stoppedAt: Type.Optional(Type.String({ format: 'date-time' })),
  stopReason: Type.Optional(Type.String()),
  detail: Type.Optional(Type.String()),
  exitCode: Type.Optional(Type.Integer()),
})

export function gatewayRoutes(deps: GatewayDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    await app.register(mcpRoutes(deps))
    await app.register(quarantineRoutes(deps))

    app.get(
      '/v1/gateway/processes',
      {
        config: { access: 'installations:read' },
        schema: {
          tags: ['gateway'],
          summary: 'Server processes, newest first',
          querystring: Type.Object({
            ...PageQuery,
            installationId: Type.Optional(Type.String({ format: 'uuid' })),
          }),
          response: {
            200: Type.Object({
              items: Type.Array(Process),
              nextCursor: Type.Optional(Type.String()),
            }),
          },
        },
      },
      async ({ actor, query }) => {
        const limit = query.limit ?? 30
        const before = query.cursor === undefined ? undefined : runFrom(query.cursor)
        const rows = await listServerProcesses(deps.db, actor.tenantId, {
          limit: limit + 1,
          installationId: query.installationId,
          before,
        })
        const live = new Map(deps.processes.live(actor.tenantId).map((run) => [run.processId, run]))
        return pageOf(
          rows,
          limit,
          (row) => shown(row, live.get(row.processId)),
          ({ startedAt, processId }) => [startedAt, processId],
        )
      },
    )
  }
}

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/
/** The run that the page before ended with. */
function runFrom(cursor: string): { readonly startedAt: string; readonly processId: string } {
  const [startedAt = '', processId = ''] = decodeCursor(cursor, 2)
  const exists = INSTANT.test(startedAt) && !Number.isNaN(Date.parse(startedAt))
  if (exists && UUID.test(processId)) return { startedAt, processId }
  throw problem(400, 'bad-cursor', 'This cursor is not one that a page of this list gave.')
}

function shown(
  { stoppedAt, stopReason, detail, exitCode, ...row }: ServerProcess,
  run: LiveProcess | undefined,
): Static<typeof Process> {
  const running = run === undefined ? 'unknown' : run.draining ? 'draining' : 'running'
  return {
    ...row,
    inFlight: run?.inFlight ?? 0,
    status: stoppedAt === null ? running : 'stopped',
    ...(stoppedAt === null ? {} : { stoppedAt }),
    ...(stopReason === null ? {} : { stopReason }),
    ...(detail === null ? {} : { detail }),
    ...(exitCode === null ? {} : { exitCode }),
  }
}

/** What speaks MCP: its refusals are JSON-RPC errors too. */
function mcpRoutes(deps: GatewayDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    const callTimeoutMs = deps.callTimeoutMs ?? DEFAULT_CALL_TIMEOUT_MS
    const endpoint = new McpEndpoint({
      ...{ ...deps, callTimeoutMs },
      toolLists: new ToolLists(deps),
    })
    const url = '/mcp/:installationId'
    const config = { access: 'tools:call' } as const
    readWithLength(app)
    answerJsonRpc(app, deps.logger)
    app.addHook('preClose', (done) => {
      endpoint.close()
      done()
    })

    app.post(
      url,
      {
        config,
        bodyLimit: MAX_BODY_BYTES,
        schema: {
          ...mcp,
          summary: 'MCP Streamable HTTP: one JSON-RPC request or notification',
          description:
            'MCP 2026-07-28 without sessions, and the revisions up to 2025-11-25 with sessions.',
        },
      },
      (request, reply) =>
        endpoint.post(
          request,
          reply,
          request.params.installationId,
          (request.body as ReceivedBody | undefined) ?? { json: undefined, bytes: 0 },
        ),
    )
    app.get(
      url,
      { config, schema: { ...mcp, summary: 'The event stream of a session' } },
      (request, reply) => endpoint.get(request, reply, request.params.installationId),
    )
    app.delete(url, { config, schema: { ...mcp, summary: 'End a session' } }, (request, reply) =>
      endpoint.delete(request, reply, request.params.installationId),
    )
  }
}

function readWithLength(app: FastifyInstance): void {
  app.removeContentTypeParser('application/json')
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer' },
    async ({ method }: FastifyRequest, body: Buffer): Promise<ReceivedBody | undefined> =>
      // Clients that send one set of headers with everything call the end of a session JSON, too.
      method === 'DELETE' && body.length === 0
        ? undefined
        : { json: parseJson(body), bytes: body.length },
  )
}

/** Who calls and from where is answered as everywhere else; what they say, as JSON-RPC. */
function answerJsonRpc(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const known = error instanceof ProblemError ? error.problem : undefined
    const status = known?.status ?? error.statusCode ?? 500
    if (status === 401 || status === 403 || status === 421 || status === 503) throw error
    if (status >= 500) {
      logger.error({ err: error, correlationId: request.id }, 'An MCP request failed')
      const fault = { code: RPC.internalError, message: 'Internal error' }
      return refuse(reply, refusal(500, null, fault))
    }
    const code = known?.code === 'malformed-json' ? RPC.parseError : RPC.invalidRequest
    return refuse(reply, refusal(status, null, { code, message: known?.detail ?? error.message }))
  })
}
