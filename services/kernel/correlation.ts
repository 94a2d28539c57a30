import { AsyncLocalStorage } from 'node:async_hooks'
import type { IncomingMessage } from 'node:http'
import { v4 as randomUuid } from 'uuid'

/** Goes into logs, event metadata and headers, so it may hold nothing that breaks a line or a header. */
const CORRELATION_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/

/** W3C Trace Context, version 00 and later: version, trace id, parent id, flags. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}/

const current = new AsyncLocalStorage<string>()

/** The caller's `x-correlation-id`, else its trace id, when well-formed; else a new UUID. */
export function correlationIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-correlation-id']
  if (typeof given === 'string' && CORRELATION_ID.test(given)) return given
  const traceparent = request.headers.traceparent
  const trace = typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined
  return trace ?? randomUuid()
}

/** Everything that `work` starts logs under this id. */
export function withCorrelation<Result>(id: string, work: () => Result): Result {
  return current.run(id, work)
}

/** @returns undefined outside a request or reaction. */
export function correlationId(): string | undefined {
  return current.getStore()
}
