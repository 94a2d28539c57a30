import { setTimeout as delay } from 'node:timers/promises'
import {
  type EventFilter,
  EventStoreUnavailableError,
  type FeedBatch,
  type FollowOptions,
  type Position,
} from '../../../services/ports/event-store.ts'
import type { Logger } from '../../../services/ports/logger.ts'
import type { EventCodec } from '../codec.ts'
import type { LogListener } from './log-listener.ts'
import type { LogReader } from './log-reader.ts'
import type { LogTail } from './log-tail.ts'

const DEFAULT_MAX_BATCH = 500
/** How often a follower looks without having been told. */
const POLL_MS = 1_000
const RETRY_MS = 250
/**
 * Positions that one query looks at: whatever plan the database chooses, and it chooses badly
 * while a table that grows fast has no statistics, a page costs about the same.
 */
const SPAN = 2_000n

export type FollowDeps = {
  readonly reader: LogReader
  readonly listener: LogListener
  readonly tail: LogTail
  readonly codec: EventCodec
  readonly logger: Logger
}

/**
 * Pages through the log by position up to a head that is known to be committed, then waits for
 * a later head. Positions are handed out in commit order, so nothing at or before that head can
 * still appear: no gap, and no difference between catching up and being live.
 */
export async function* follow(
  deps: FollowDeps,
  { after, signal, maxBatch = DEFAULT_MAX_BATCH, ...filter }: FollowOptions,
): AsyncGenerator<FeedBatch> {
  const { listener, logger, tail } = deps
  let through = after
  let head: Position | undefined
  tail.join()
  try {
    while (!signal.aborted && !listener.closed) {
      try {
        head = await laterHead(deps, head, through, signal)
        if (head <= through) continue
        const batch = await batchBetween(deps, through, head, filter, maxBatch)
        if (signal.aborted) return
        through = batch.through
        yield batch
      } catch (error) {
        if (!(error instanceof EventStoreUnavailableError)) throw error
        logger.warn({ err: error }, 'following the log is interrupted')
        await delay(RETRY_MS, undefined, { signal }).catch(() => {})
      }
    }
  } finally {
    tail.leave()
  }
}

/** The head known so far while there is something to read before it, else one that was waited for. */
async function laterHead(
  { reader, listener }: FollowDeps,
  head: Position | undefined,
  through: Position,
  signal: AbortSignal,
): Promise<Position> {
  if (head === undefined) return reader.head()
  if (head > through) return head
  await listener.waitBeyond(through, POLL_MS, signal)
  return listener.head > through ? listener.head : reader.head()
}

async function batchBetween(
  { reader, codec, tail }: FollowDeps,
  after: Position,
  head: Position,
  filter: EventFilter,
  maxBatch: number,
): Promise<FeedBatch> {
  const end = head < after + SPAN ? head : after + SPAN
  const kept = await tail.between({ after, end, head }, filter, maxBatch)
  if (kept !== undefined) return kept
  const { events, complete } = await reader.readBetween(after, end, filter, maxBatch)
  const through = complete ? end : (events.at(-1)?.position ?? end)
  return { events: events.map(codec.decode), through }
}
