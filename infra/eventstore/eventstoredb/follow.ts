import { setTimeout as sleep } from 'node:timers/promises'
import type { EventStoreDBClient } from '@eventstore/db-client'
import { backoff } from '../../../domain/kernel/backoff.ts'
import {
  type EventFilter,
  type FeedBatch,
  type FollowOptions,
  isSelective,
  type Position,
} from '../../../services/ports/event-store.ts'
import type { Logger } from '../../../services/ports/logger.ts'
import type { EventCodec } from '../codec.ts'
import { faultOf } from './faults.ts'
import { FeedBuffer } from './feed-buffer.ts'
import type { Reader } from './read.ts'
import { Subscribing } from './subscribing.ts'

const DEFAULT_MAX_BATCH = 500
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 5_000

export type FollowDependencies = {
  readonly client: EventStoreDBClient
  readonly reader: Reader
  readonly codec: EventCodec
  readonly logger: Logger
  /** How long a subscription may take to begin, and how often a silent one is checked. */
  readonly timeoutMs: number
}

/** Subscriptions of the server end for many reasons and never come back by themselves; this goes on. */
export async function* follow(
  { after, signal, maxBatch = DEFAULT_MAX_BATCH, ...filter }: FollowOptions,
  dependencies: FollowDependencies,
): AsyncGenerator<FeedBatch> {
  const stopped = new AbortController()
  const either = AbortSignal.any([signal, stopped.signal])
  const buffer = new FeedBuffer(after, either)
  const fed = keepSubscribed({ ...filter, buffer, signal: either }, dependencies)
  const stop = () => stopped.abort()
  fed.then(stop, stop)
  try {
    for (;;) {
      const batch = await buffer.take(maxBatch)
      if (batch === undefined) return
      yield batch
    }
  } finally {
    stopped.abort()
    await fed
  }
}

type Subscribed = EventFilter & { readonly buffer: FeedBuffer; readonly signal: AbortSignal }

/**
 * Catches up with what passes the filter only. Live, it receives everything: the server's
 * checkpoints come only every 32 events, and readers wait for the log's very end.
 */
async function keepSubscribed(
  { buffer, signal, ...filter }: Subscribed,
  { logger, ...dependencies }: FollowDependencies,
): Promise<void> {
  const canSelect = isSelective(filter)
  let selects = canSelect
  let from = buffer.seen
  let failures = 0
  while (!signal.aborted) {
    const { seen } = buffer
    const options = { ...filter, ...dependencies, buffer, signal, from, isSelective: selects }
    const ending = await new Subscribing(options).run()
    if (ending.kind === 'stopped') return
    if (buffer.seen > seen) from = buffer.seen
    if (ending.kind === 'caught-up') {
      selects = false
      continue
    }
    logger.warn({ err: ending.error, from }, 'A subscription to the log ended; subscribing again')
    failures = ending.begun ? 1 : failures + 1
    await pause(failures, signal)
    if (faultOf(ending.error) !== 'unexplained') selects = canSelect
    else if (buffer.seen === seen) from = await eventBefore(from, dependencies.reader)
  }
}

/** A subscription has to begin at an event's position; the buffer leaves out what is not later than it should be. */
async function eventBefore(position: Position, reader: Reader): Promise<Position> {
  try {
    for await (const event of reader.all({ direction: 'backwards', from: position, limit: 1 }))
      return event.position
    return 0n
  } catch {
    // The next subscription tells what is wrong.
    return position
  }
}

async function pause(failures: number, signal: AbortSignal): Promise<void> {
  const longest = backoff(failures - 1, FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
  // Rejects when the following stops, which the caller sees for itself.
  await sleep(longest * (0.5 + Math.random() / 2), undefined, { signal }).catch(() => {})
}
