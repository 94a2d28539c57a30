import {
  DiscardPolicy,
  type JetStreamManager,
  type NatsConnection,
  nanos,
  RetentionPolicy,
  StorageType,
} from 'nats'
import type { Position } from '../../services/ports/event-store.ts'
import { positionOf } from './cloud-event.ts'
import { isMessageMissing } from './failures.ts'

export const ALL_SUBJECTS = 'tidemark.>'

const API_TIMEOUT_MS = 5_000
const MINUTE_MS = 60_000
/** A retry after a longer outage is caught by the expected sequence, not by this. */
const DUPLICATE_WINDOW_MS = 2 * MINUTE_MS

export type StreamOptions = {
  readonly stream: string
  /** Copies in a NATS cluster. */
  readonly replicas: number
  /** Oldest messages make room beyond this; undefined = the server's own limits. */
  readonly maxBytes: number | undefined
}

/** The end of the stream. */
export type Tip = { readonly sequence: number; readonly position: Position }

export function jetStreamManager(connection: NatsConnection): Promise<JetStreamManager> {
  return connection.jetstreamManager({ timeout: API_TIMEOUT_MS, checkAPI: false })
}

/** Makes the stream when it is not there; one that is there keeps its operator's settings. */
export async function ensureStream(
  connection: NatsConnection,
  { stream, replicas, maxBytes }: StreamOptions,
): Promise<void> {
  const manager = await jetStreamManager(connection)
  await manager.streams.add({
    name: stream,
    subjects: [ALL_SUBJECTS],
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    num_replicas: replicas,
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
    ...(maxBytes === undefined ? {} : { max_bytes: maxBytes }),
  })
}

/** @throws when the stream is not there. */
export async function readTip(connection: NatsConnection, stream: string): Promise<Tip> {
  const manager = await jetStreamManager(connection)
  const { state } = await manager.streams.info(stream)
  const sequence = state.last_seq
  if (state.messages === 0) return { sequence, position: 0n }
  try {
    const last = await manager.streams.getMessage(stream, { last_by_subj: ALL_SUBJECTS })
    return { sequence, position: positionOf(last.header) }
  } catch (error) {
    if (isMessageMissing(error)) return { sequence, position: 0n }
    throw error
  }
}
