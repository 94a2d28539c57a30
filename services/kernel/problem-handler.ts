import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import {
  EventIdConflictError,
  EventStoreUnavailableError,
  InvalidEventError,
  RevisionConflictError,
} from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import { MessageBusUnavailableError } from '../ports/message-bus.ts'
import { SubjectErasedError } from '../ports/subject-keys.ts'
import { ProblemError, problem } from './problem.ts'
import { validationProblem } from './validation.ts'

const RETRY_AFTER_SECONDS = 2

/** What Fastify itself refuses, and what Postgres has no place for, by the error code. */
const REFUSALS: Readonly<Record<string, readonly [number, string, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    413,
    'body-too-large',
    'The body is larger than this request takes.',
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    415,
    'unsupported-media-type',
    'Send the body as `Content-Type: application/json`.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    400,
    'wrong-content-length',
    'The body is not as long as `Content-Length` says.',
  ],
  FST_ERR_BAD_URL: [400, 'malformed-url', 'The path is not correctly percent-encoded.'],
  FST_ERR_MAX_PARAM_LENGTH: [414, 'path-too-long', 'A part of the path is too long.'],
  // SQLSTATE: Postgres has no NUL.
  '22021': [400, 'invalid-parameters', 'A parameter holds a character that nothing here has.'],
}

/** Postgres (SQLSTATE classes 08, 53, 57P) and sockets: down or overloaded, not wrong. */
const UNAVAILABLE = /^(08|53|57P0)|^E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|HOSTUNREACH|AI_AGAIN)$/

/** Postgres and the file system. */
const DISK_FULL = ['53100', 'ENOSPC', 'EDQUOT']

/** Every refusal and every fault becomes an RFC 9457 problem; no stack, no foreign text. */
export function answerProblems(app: FastifyInstance, logger: Logger): void {
  app.setErrorHandler((error, request, reply) => {
    const refusal = problemFor(error)
    if (refusal.problem.status >= 500 || error instanceof InvalidEventError)
      logger.error({ err: withCause(error), ...subject(request) }, 'Request failed.')
    return sendProblem(request, reply, refusal)
  })
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, problem(404, 'not-found', 'There is nothing at this address.')),
  )
}

export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  { problem: details }: ProblemError,
): FastifyReply {
  if (details.status === 401)
    reply.header('www-authenticate', 'Bearer realm="tidemark", error="invalid_token"')
  if (details.status === 503 || details.status === 504)
    reply.header('retry-after', RETRY_AFTER_SECONDS)
  const body = { ...details, instance: `urn:tidemark:request:${request.id}`, traceId: request.id }
  return reply
    .code(details.status)
    .header('cache-control', 'no-store')
    .type('application/problem+json')
    .serializer(String)
    .send(JSON.stringify(body))
}

export function problemFor(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error
  if (error instanceof RevisionConflictError)
    return problem(409, 'conflict', 'Others changed the same thing at the same time; try again.')
  if (error instanceof EventIdConflictError)
    return problem(409, 'id-conflict', 'This id was used before for something else.')
  if (error instanceof InvalidEventError)
    return problem(422, 'invalid-event', 'What would be recorded does not fit its schema.')
  if (error instanceof SubjectErasedError) return problem(409, 'subject-erased', error.message)
  if (isDiskFull(error))
    return problem(
      507,
      'disk-full',
      'A disk that this request needs is full; make room, then retry.',
    )
  if (error instanceof EventStoreUnavailableError || error instanceof MessageBusUnavailableError)
    return problem(503, 'unavailable', 'A server that this request needs is down; retry.')
  return faultProblem(error)
}

function faultProblem(error: unknown): ProblemError {
  const { code, statusCode, validation } = error as Partial<FastifyError>
  if (validation !== undefined) return validationProblem(error as FastifyError)
  const refusal = code === undefined ? undefined : REFUSALS[code]
  if (refusal !== undefined) return problem(...refusal)
  if (isUnavailable(error))
    return problem(503, 'unavailable', 'A server that this request needs is down; retry.')
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return problem(statusCode, 'bad-request', 'The request is not understood.')
  return problem(500, 'internal', 'Something is wrong here; `traceId` finds it in the log.')
}

/** Ports wrap what their servers say. */
function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  return DISK_FULL.includes(code ?? '') || isDiskFull(error.cause)
}

function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  if (typeof code === 'string' && UNAVAILABLE.test(code)) return true
  return /Connection terminated|timeout exceeded when trying to connect|Query read timeout/.test(
    error.message,
  )
}

function subject({ id, method, routeOptions }: FastifyRequest): object {
  return { correlationId: id, method, route: routeOptions.url }
}

function withCause(error: unknown): unknown {
  return error instanceof ProblemError && error.cause !== undefined ? error.cause : error
}
