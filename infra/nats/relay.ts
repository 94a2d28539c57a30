import { setTimeout as delay } from 'node:timers/promises'
import type { EventStore, Position } from '../../services/ports/event-store.ts'
import type { Logger } from '../../services/ports/logger.ts'
import { type MessageBus, MessageBusConflictError } from '../../services/ports/message-bus.ts'
import type { Metrics } from '../../services/ports/metrics.ts'
import { readAhead } from '../eventstore/read-ahead.ts'

const MAX_BATCH = 1_000
const HEAD_INTERVAL_MS = 1_000
/** How often an idle relay looks whether the bus still holds what it published. */
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
  readonly hold?: (signal: AbortSignal, work: (held: AbortSignal) => Promise<void>) => Promise<void>
}

/**
 * Publishes the log to the bus, in its order and without a gap, until `signal` aborts.
 *
 * It keeps no checkpoint: where to go on is what the newest event that the bus holds says. So
 * a bus that lost its end, or everything, is filled again from there. A second relay on the
 * same bus does no harm: each publication states the event that it must follow.
 */
export async function runRelay(options: RelayOptions): Promise<void> {
  const { signal, logger, hold = (held, work) => work(held) } = options
  let failures = 0
  const succeeded = () => {
    failures = 0
  }
  while (!signal.aborted) {
    try {
      await hold(signal, async (held) => {
        while (!held.aborted) await relayOnce(options, held, succeeded)
      })
    } catch (error) {
      failures += 1
      if (error instanceof MessageBusConflictError)
        logger.info({ err: error }, 'relay looks again where the bus is')
      else logger.warn({ err: error }, 'relay is interrupted')
      await delay(backoff(failures), undefined, { signal }).catch(() => {})
    }
  }
}

function backoff(failures: number): number {
  return Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(failures, 10))
}

/** From where the bus is, until `signal` aborts or the bus turns out to be elsewhere. */
async function relayOnce(
  options: RelayOptions,
  signal: AbortSignal,
  succeeded: () => void,
): Promise<void> {
  const { store, bus, logger } = options
  const held = await bus.lastPosition()
  const head = await store.head()
  if (held > head)
    throw new Error(`The bus is at ${held}, beyond the end of the log, ${head}: it is another's.`)
  logger.info({ position: held }, 'relay publishes the log from here')
  succeeded()
  const end = new AbortController()
  const progress = { published: held, busy: false }
  const both = AbortSignal.any([signal, end.signal])
  const watching = watch(options, progress, both, end)
  try {
    await publishFrom(options, progress, both, succeeded, () => end.abort())
  } finally {
    end.abort()
    await watching
  }
}

type Progress = { published: Position; busy: boolean }

async function publishFrom(
  { store, bus, metrics }: RelayOptions,
  progress: Progress,
  signal: AbortSignal,
  succeeded: () => void,
  leave: () => void,
): Promise<void> {
  const head = headOf(store)
  const feed = store.follow({ after: progress.published, signal, maxBatch: MAX_BATCH })
  for await (const { events, through } of readAhead(feed, leave)) {
    if (signal.aborted) return
    const last = events.at(-1)
    if (last === undefined) continue
    progress.busy = true
    await bus.publish(events, { after: progress.published })
    progress.published = last.position
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

/** Ends the relaying when the bus no longer holds what was published: it then begins from there. */
async function watch(
  { bus, logger }: RelayOptions,
  progress: Progress,
  signal: AbortSignal,
  end: AbortController,
): Promise<void> {
  while (!signal.aborted) {
    await delay(CHECK_MS, undefined, { signal }).catch(() => {})
    const { published } = progress
    if (signal.aborted || progress.busy) continue
    // An unreachable bus is noticed when publishing; here it says nothing.
    const held = await bus.lastPosition().catch(() => undefined)
    if (held === undefined || held >= published || progress.published !== published) continue
    logger.warn({ held, published }, 'the bus lost events; they are published again')
    end.abort()
  }
}
