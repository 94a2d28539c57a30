import { once } from 'node:events'
import type { Writable } from 'node:stream'
import type { Position } from '../ports/event-store.ts'
import type { EventMessage } from './event-message.ts'
import type { EventSelection } from './event-query.ts'

/**
 * Why a client's feed ends: the process stops; its key is to be checked again; it leaves more
 * waiting than there is room for; the log cannot be followed. In each case it may come back and
 * resume after the last position that it got.
 */
export type FeedEnd = 'stopping' | 'renew' | 'too-slow' | 'broken'

/** One reader of the feed, whatever it is connected by. */
export interface FeedClient {
  readonly filter: EventSelection
  readonly isOpen: boolean
  /** Resolves when the connection is gone. */
  readonly closed: Promise<void>
  /** Bytes sent that the connection has not taken. */
  readonly waiting: number
  /** Resolves when the connection has taken them, or is gone. */
  drained(): Promise<void>
  send(message: EventMessage): void
  /** Everything up to here was sent, or is not for this client: it may resume here. */
  reach(position: Position): void
  /** Now and then, so that both ends know that the other is there. @param reached as for `reach`. */
  beat(reached: Position | undefined): void
  end(reason: FeedEnd): void
}

type Connection = Pick<Writable, 'destroyed' | 'writableNeedDrain' | 'once' | 'off'> &
  NodeJS.EventEmitter

export async function closeOf(connection: Connection): Promise<void> {
  if (!connection.destroyed)
    await new Promise<void>((resolve) => void connection.once('close', resolve))
}

export async function drainOf(connection: Connection): Promise<void> {
  if (connection.destroyed || !connection.writableNeedDrain) return
  const either = new AbortController()
  const options = { signal: either.signal }
  try {
    await Promise.race([once(connection, 'drain', options), once(connection, 'close', options)])
  } finally {
    either.abort()
  }
}
