import {
  DiscardPolicy,
  type JetStreamManager,
  type NatsConnection,
  nanos,
  RetentionPolicy,
  StorageType,
} from 'nats'
import type { PublishedEvent } from '../../services/ports/message-bus.ts'
import { publishedEvent } from './cloud-event.ts'
import { isMessageMissing } from './failures.ts'

export const ALL_SUBJECTS = 'tidemark.>'

const API_TIMEOUT_MS = 5_000
const MINUTE_MS = 60_000
/** A retry after a longer outage is caught by the expected sequence, not by this. */
const DUPLICATE_WINDOW_MS = 2 * MINUTE_MS

/** The end of the stream. */
export type Tip = {
  readonly sequence: number
  /** Undefined when it holds nothing. */
  readonly newest: PublishedEvent | undefined
  /** The sequence of the oldest message, or the one that it will have: another one after each emptying. */
  readonly fill: number
}

export function jetStreamManager(connection: NatsConnection): Promise<JetStreamManager> {
  return connection.jetstreamManager({ timeout: API_TIMEOUT_MS, checkAPI: false })
}

/**
 * Makes the stream when it is not there; one that is there keeps its operator's settings. It has
 * no bound of its own: what a consumer has not received yet must not make room.
 */
export async function ensureStream(connection: NatsConnection, stream: string): Promise<void> {
  const manager = await jetStreamManager(connection)
  await manager.streams.add({
    name: stream,
    subjects: [ALL_SUBJECTS],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
  })
}

/** @throws when the stream is not there. */
export async function readTip(connection: NatsConnection, stream: string): Promise<Tip> {
  const manager = await jetStreamManager(connection)
  const { state } = await manager.streams.info(stream)
  const sequence = state.last_seq
  if (state.messages === 0) return { sequence, newest: undefined, fill: sequence + 1 }
  const fill = state.first_seq
  try {
    const last = await manager.streams.getMessage(stream, { last_by_subj: ALL_SUBJECTS })
    return { sequence, newest: publishedEvent(last.header), fill }
  } catch (error) {
    if (isMessageMissing(error)) return { sequence, newest: undefined, fill: sequence + 1 }
    throw error
  }
}

/**
 * Removes the messages up to the tip. The stream's sequence goes on, so consumers do, too; of
 * what was added meanwhile nothing is lost.
 */
export async function purge(
  connection: NatsConnection,
  stream: string,
  { sequence }: Tip,
): Promise<void> {
  const manager = await jetStreamManager(connection)
  await manager.streams.purge(stream, { seq: sequence + 1 })
}
