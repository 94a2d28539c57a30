import { setTimeout as delay } from 'node:timers/promises'
import { backoff } from '../../domain/kernel/backoff.ts'
import type { EventStore, Position } from '../../services/ports/event-store.ts'
import type { Logger } from '../../services/ports/logger.ts'
import {
  busProgress,
  type MessageBus,
  MessageBusConflictError,
  type PublishedEvent,
} from '../../services/ports/message-bus.ts'
import type { Metrics } from '../../services/ports/metrics.ts'
import { isLarge, readAhead } from '../eventstore/read-ahead.ts'
import type { Held } from '../postgres/lease.ts'

const MAX_BATCH = 1_000
const HEAD_INTERVAL_MS = 1_000
/** How often an idle relay looks whether the bus still holds what it published, and any relay how far the bus is. */
const CHECK_MS = 2_000
const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000

export type RelayOptions = {
  readonly store: EventStore
  readonly bus: MessageBus
  readonly signal: AbortSignal
  readonly logger: Logger
  readonly metrics: Metrics
  /** Has relays on several machines work one at a time. Saves work; order and completeness do not need it. */
  /** Told what keeps it from publishing, and undefined when nothing does any more. */
  readonly tell?: (fault: string | undefined) => void
  readonly hold?: (signal: AbortSignal, work: (lease: Held) => Promise<void>) => Promise<void>
}

/**
 * Publishes the log to the bus, in its order and without a gap, until `signal` aborts.
 *
 * It keeps no checkpoint: where to go on is what the newest event that the bus holds says. So
 * a bus that lost its end, or everything, is filled again from there; one whose newest event the
 * log does not have at that place is emptied and filled from the start. A second relay on the
 * same bus does no harm: each publication states the event that it must follow. One that stood
 * still and does not hold the lease any more begins none.
 */
export async function runRelay(options: RelayOptions): Promise<void> {
  const { signal, logger, metrics, tell, hold = alone } = options
  const memory: Memory = { newestId: undefined, held: 0n }
  let failures = 0
  const succeeded = () => {
    failures = 0
    metrics.relayFailing(false)
    tell?.(undefined)
  }
  const measuring = measure(options, memory)
  while (!signal.aborted) {
    try {
      await hold(signal, async (lease) => {
        while (lease.isHeld()) await relayOnce(options, memory, lease, succeeded)
      })
    } catch (error) {
      failures += 1
      if (error instanceof MessageBusConflictError)
        logger.info({ err: error }, 'relay looks again where the bus is')
      else {
        logger.warn({ err: error }, 'relay is interrupted')
        metrics.relayFailing(true)
        tell?.(error instanceof Error ? error.message : String(error))
      }
      await delay(backoff(failures, RETRY_MIN_MS, RETRY_MAX_MS), undefined, { signal }).catch(
        () => {},
      )
    }
  }
  await measuring
}

/** The only relay there is. */
function alone(signal: AbortSignal, work: (lease: Held) => Promise<void>): Promise<void> {
  return work({ signal, isHeld: () => !signal.aborted })
}

/** From where the bus is, until `signal` aborts or the bus turns out to be elsewhere. */
async function relayOnce(
  options: RelayOptions,
  memory: Memory,
  lease: Held,
  succeeded: () => void,
): Promise<void> {
  const { newest, head, ofThisLog } = await busProgress(options)
  if (!lease.isHeld()) return
  if (newest !== undefined && !ofThisLog) return await empty(options, memory, newest, head)
  const held = newest?.position ?? 0n
  memory.newestId = newest?.eventId ?? NOTHING
  options.logger.info({ position: held }, 'relay publishes the log from here')
  succeeded()
  const end = new AbortController()
  const progress = { published: held, busy: false }
  const both = AbortSignal.any([lease.signal, end.signal])
  const watching = watch(options, progress, both, end)
  try {
    const own = { signal: both, isHeld: lease.isHeld }
    await publishFrom(options, memory, progress, own, succeeded, () => end.abort())
  } finally {
    end.abort()
    await watching
  }
}

const NOTHING = 'nothing'

type Memory = {
  /** Id of the newest event on the bus when this relay last dealt with it; undefined = it did not yet. */
  newestId: string | undefined
  /** Where the bus was when it was last heard of. */
  held: Position
}

/**
 * Going on behind another log's events would leave out as many of this one's. Done once for
 * what was there before: a bus that others fill now would be emptied by turns for ever.
 */
async function empty(
  { bus, logger, metrics }: RelayOptions,
  memory: Memory,
  newest: PublishedEvent,
  head: Position,
): Promise<void> {
  const { position, eventId } = newest
  if (memory.newestId !== undefined && memory.newestId !== eventId)
    throw new Error('Another log is published to this bus: each needs a NATS account of its own.')
  logger.error(
    { position, eventId, head },
    'the bus holds what this log has not: it is emptied, and the whole log is published again',
  )
  metrics.relayRefills()
  await bus.forget(newest)
  memory.newestId = NOTHING
}

type Progress = { published: Position; busy: boolean }

async function publishFrom(
  { store, bus, metrics }: RelayOptions,
  memory: Memory,
  progress: Progress,
  { signal, isHeld }: Held,
  succeeded: () => void,
  leave: () => void,
): Promise<void> {
  const head = headOf(store)
  const feed = store.follow({ after: progress.published, signal, maxBatch: MAX_BATCH })
  for await (const { events, through } of readAhead(feed, { leave, isWorthIt: isLarge })) {
    if (signal.aborted || !isHeld()) return
    const last = events.at(-1)
    if (last === undefined) continue
    progress.busy = true
    await bus.publish(events, { after: progress.published })
    progress.published = last.position
    memory.newestId = last.eventId
    memory.held = last.position
    progress.busy = false
    succeeded()
    metrics.relayAt(progress.published, Number((await head(through)) - progress.published))
  }
  if (!signal.aborted) throw new Error('The event store was closed.')
}

/** The end of the log as it was lately, and at least `known`. */
function headOf(store: EventStore): (known: Position) => Promise<Position> {
  let head = 0n
  let askedAt = 0
  return async (known) => {
    if (Date.now() - askedAt > HEAD_INTERVAL_MS) {
      askedAt = Date.now()
      head = await store.head()
    }
    return head > known ? head : known
  }
}

/** Ends the relaying when the bus or the log no longer holds what was published: it then begins anew. */
async function watch(
  options: RelayOptions,
  progress: Progress,
  signal: AbortSignal,
  end: AbortController,
): Promise<void> {
  while (!signal.aborted) {
    await delay(CHECK_MS, undefined, { signal }).catch(() => {})
    const { published } = progress
    if (signal.aborted || progress.busy) continue
    // An unreachable bus is noticed when publishing; here it says nothing.
    const found = await busProgress(options).catch(() => undefined)
    if (found === undefined || progress.published !== published) continue
    const held = found.newest?.position ?? 0n
    if (found.ofThisLog && held >= published) continue
    options.logger.warn({ held, published }, 'the bus is not where the relay left it')
    end.abort()
  }
}

/** Also while nothing is published: an unreachable bus falls behind a log that grows. */
async function measure(
  { store, bus, signal, metrics }: RelayOptions,
  memory: Memory,
): Promise<void> {
  while (!signal.aborted) {
    const held = await bus.lastPosition().catch(() => undefined)
    if (held !== undefined) memory.held = held
    const head = await store.head().catch(() => undefined)
    if (head !== undefined) metrics.relayAt(memory.held, Number(head - memory.held))
    await delay(CHECK_MS, undefined, { signal }).catch(() => {})
  }
}
