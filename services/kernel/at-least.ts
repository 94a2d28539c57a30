import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ReadFreshness } from '../ports/read-freshness.ts'
import { problem } from './problem.ts'

const DEFAULT_TIMEOUT_MS = 5_000
const MAX_TIMEOUT_MS = 30_000
const MAX_POSITION = 2n ** 63n - 1n
const DECIMAL = /^\d{1,19}$/

/** Names the read models whose rows may be older than what was asked for. */
const STANDING_STILL = 'tidemark-standing-still'

/**
 * `?atLeast=<position>` (or the header `Tidemark-At-Least`) on a read waits until the read
 * models hold everything up to that position; `atLeastTimeoutMs` bounds the wait. A read model
 * that is stopped, or whose rows are of an older version, is not waited for: the others' answers
 * do not depend on it, and a header of the answer names it.
 *
 * @throws {ProblemError} 504 `read-model-behind` when they do not get there in time.
 */
export function waitForAtLeast(app: FastifyInstance, freshness: ReadFreshness): void {
  app.addHook('preValidation', async (request, reply) => {
    if (!takesAtLeast(request.method, request.routeOptions.url)) return
    const asked = takeQuery(request, 'atLeast') ?? header(request)
    const timeout = takeQuery(request, 'atLeastTimeoutMs')
    if (asked === undefined) return
    const position = toPosition(asked)
    const timeoutMs = timeout === undefined ? DEFAULT_TIMEOUT_MS : toTimeout(timeout)
    if (await freshness.waitFor(position, timeoutMs, 'following')) {
      const standing = await freshness.standingStill()
      if (standing.length > 0) reply.header(STANDING_STILL, standing.join(', '))
      return
    }
    throw problem(
      504,
      'read-model-behind',
      `The read models did not reach position ${position} within ${timeoutMs} ms; ask again.`,
    )
  })
}

/** Whether this route is a read that can wait. */
export function takesAtLeast(method: string, url: string | undefined): boolean {
  return (method === 'GET' || method === 'HEAD') && /^\/v(1|0\.1)\//.test(url ?? '')
}

/** Taken out of the query, so that no route has to know of it. */
function takeQuery(request: FastifyRequest, name: string): unknown {
  const query = request.query as Record<string, unknown>
  const value = query[name]
  delete query[name]
  return value
}

function header({ headers }: FastifyRequest): unknown {
  return headers['tidemark-at-least']
}

function toPosition(value: unknown): bigint {
  if (typeof value === 'string' && DECIMAL.test(value) && BigInt(value) <= MAX_POSITION)
    return BigInt(value)
  throw problem(400, 'invalid-parameters', 'A position is a whole number, as an answer gave it.', [
    { pointer: '/querystring/atLeast', detail: 'must be a decimal position' },
  ])
}

function toTimeout(value: unknown): number {
  const timeoutMs = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : -1
  if (timeoutMs >= 0 && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs
  throw problem(400, 'invalid-parameters', 'The time to wait is not allowed.', [
    {
      pointer: '/querystring/atLeastTimeoutMs',
      detail: `must be 0 to ${MAX_TIMEOUT_MS} milliseconds`,
    },
  ])
}
