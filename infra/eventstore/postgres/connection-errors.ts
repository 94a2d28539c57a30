import {
  EventStoreUnavailableError,
  InvalidEventError,
} from '../../../services/ports/event-store.ts'

/** SQLSTATEs and their classes (two characters) after which the same work may succeed later. */
const TRANSIENT_STATES = new Set([
  '08', // connection exceptions
  '25006', // read-only: a standby
  '28', // the role is refused
  '3D000', // no such database
  '53', // no memory, disk space or connection slot left
  '40001', // serialization failure
  '40P01', // deadlock
  '57014', // cancelled, by a timeout or an operator
  '57P01', // terminated by an operator
  '57P02', // crash of another session
  '57P03', // starting up or shutting down
  '57P05', // idle session timeout
  '58030', // I/O error
])

const NETWORK_CODES = /^E(CONN|PIPE|TIMEDOUT|HOST|NET|NOTFOUND|AI_AGAIN|NOENT)/
/** `pg` reports a lost connection as an error without a code. */
const LOST_CONNECTION = /connection terminated|not queryable|timeout|client was closed/i

class DatabaseTimeoutError extends Error {
  override readonly name = 'DatabaseTimeoutError'
}

/** True when the cause is the connection or the server's condition, not what was asked. */
export function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  if (error instanceof AggregateError) return error.errors.some(isTransient)
  const code = 'code' in error ? String(error.code) : ''
  if (code === '') return LOST_CONNECTION.test(error.message)
  return (
    NETWORK_CODES.test(code) || TRANSIENT_STATES.has(code) || TRANSIENT_STATES.has(code.slice(0, 2))
  )
}

export function isUniqueViolation(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '23505'
}

/** SQLSTATE classes of values that no column takes: data exceptions, limits of the program. */
const REFUSED_DATA = /^(22|54)/

/** What the caller hears of an error that is not transient. Postgres' own words may repeat the data. */
export function refusal(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  const code = 'code' in error ? String(error.code) : ''
  return REFUSED_DATA.test(code)
    ? new InvalidEventError(`Postgres does not take the data of the append (${code}).`)
    : error
}

export function unavailable(cause: unknown): EventStoreUnavailableError {
  const why = cause instanceof Error ? cause.message || cause.name : String(cause)
  return new EventStoreUnavailableError(`The event store does not answer: ${why}`, { cause })
}

/** @throws {DatabaseTimeoutError} after `timeoutMs`; what `work` did by then is unknown. */
export async function withTimeout<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new DatabaseTimeoutError(`No answer within a timeout of ${timeoutMs} ms.`)),
      timeoutMs,
    )
  })
  try {
    return await Promise.race([work, timeout])
  } finally {
    clearTimeout(timer)
  }
}
