import { type Credentials, EventStoreDBClient } from '@eventstore/db-client'

export type Connection = {
  readonly client: EventStoreDBClient
  /** For every append: the client takes its plain path, one call an append, when an append has credentials. */
  readonly credentials: Credentials
}

/** Sent nowhere: the client drops credentials where there is no TLS. */
const UNUSED: Credentials = { username: 'none', password: 'none' }

const USER_INFO = /^\s*esdb(?:\+discover)?:\/\/([^:@/]+):([^@]+)@/
const WITHOUT_TLS = /[?&]tls=false(?:&|$)/i

/**
 * Connects at the first call, not here.
 *
 * @param connectionString `esdb://[user:password@]host:port[,…][?tls=false&…]`.
 * @throws {RangeError} when it cannot be used; the message does not repeat it, it may hold a password.
 */
export function connectTo(connectionString: string): Connection {
  const user = USER_INFO.exec(connectionString)
  if (user === null && !WITHOUT_TLS.test(connectionString.trim()))
    throw new RangeError(
      'The EventStoreDB connection string needs user:password@, or ?tls=false for a server without TLS.',
    )
  const credentials =
    user === null
      ? UNUSED
      : { username: decodeURIComponent(user[1] ?? ''), password: decodeURIComponent(user[2] ?? '') }
  return { client: clientFor(connectionString), credentials }
}

function clientFor(connectionString: string): EventStoreDBClient {
  try {
    return EventStoreDBClient.connectionString(connectionString)
  } catch {
    throw new RangeError('The EventStoreDB connection string cannot be parsed.')
  }
}
