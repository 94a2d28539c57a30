import { ErrorType } from '@eventstore/db-client'
import { EventStoreUnavailableError } from '../../../services/ports/event-store.ts'

/** gRPC status codes (https://grpc.github.io/grpc/core/md_doc_statuscodes.html). */
const UNKNOWN = 2
const RESOURCE_EXHAUSTED = 8

/**
 * What the client's error means for us. `unreachable` is everything that leaves the outcome of
 * an append open: no connection, no answer in time, a server that is starting, what nobody knows.
 *
 * `unexplained` is the server's answer to a position that is not the beginning of an event.
 */
export type Fault =
  | 'wrong-expectation'
  | 'absent'
  | 'deleted'
  | 'too-large'
  | 'denied'
  | 'unexplained'
  | 'unreachable'

/** By the error's type and code: some errors of the client have no message, some have no class. */
export function faultOf(error: unknown): Fault {
  const { type, code } = error as { readonly type?: unknown; readonly code?: unknown }
  switch (type) {
    case ErrorType.WRONG_EXPECTED_VERSION:
      return 'wrong-expectation'
    case ErrorType.STREAM_NOT_FOUND:
      return 'absent'
    case ErrorType.STREAM_DELETED:
      return 'deleted'
    case ErrorType.MAXIMUM_APPEND_SIZE_EXCEEDED:
      return 'too-large'
    case ErrorType.ACCESS_DENIED:
      return 'denied'
    default:
      if (code === RESOURCE_EXHAUSTED) return 'too-large'
      return type === ErrorType.UNKNOWN && code === UNKNOWN ? 'unexplained' : 'unreachable'
  }
}

/** An operator deleted the stream for ever (a tombstone), which Tidemark never does. */
export class StreamTombstonedError extends Error {
  override readonly name = 'StreamTombstonedError'

  constructor(stream: string) {
    super(`Stream ${stream} was deleted for ever in EventStoreDB; its name cannot be used again.`)
  }
}

/** @param doing what was attempted, as in "reading stream x". */
export function unavailable(doing: string, cause: unknown): EventStoreUnavailableError {
  if (cause instanceof EventStoreUnavailableError) return cause
  const why =
    faultOf(cause) === 'denied'
      ? 'denies the configured user access'
      : 'cannot be reached or does not answer in time'
  return new EventStoreUnavailableError(`EventStoreDB ${why} (${doing}).`, { cause })
}
