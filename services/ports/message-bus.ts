import { eventDefinition } from '../../domain/event-catalogue.ts'
import type { EventStore, Position, RecordedEvent } from './event-store.ts'

export type DeliveredMessage = {
  readonly subject: string
  /** CloudEvents context attributes, without their `ce-` prefix. */
  readonly attributes: Readonly<Record<string, string>>
  readonly position: Position
  /** Empty when `omitted` says why. */
  readonly data: Readonly<Record<string, unknown>>
  /** `too-large` for the bus or `unreadable`: the event store has the event as it is. */
  readonly omitted?: 'too-large' | 'unreadable'
  /** How often the bus delivered it, from 1. */
  readonly deliveryCount: number
}

export type SubscribeOptions = {
  /** Name of the durable consumer: processes with the same name share its messages. */
  readonly durable: string
  /** Subjects to receive, wildcards allowed. The order of messages is kept within each one. */
  readonly subjects: readonly string[]
  readonly signal: AbortSignal
  /** How long the bus waits for a sign of life of a handler before it delivers the message again. */
  readonly ackWaitMs?: number
  /**
   * Handlers that run at once in this process. 1 = one at a time in all processes together, and
   * a message whose handler failed comes again before its successors.
   */
  readonly maxInFlight?: number
}

export type PublishOptions = {
  /** Position of the newest event that the bus must hold: then nobody else publishes in between. */
  readonly after?: Position
}

/** Which event it is and where the log had it when it was published. */
export type PublishedEvent = Pick<RecordedEvent, 'eventId' | 'position' | 'stream' | 'revision'>

/**
 * Distribution to reactors, workers and outside subscribers; never the only copy of an event.
 * At-least-once: a handler must be safe to run again.
 */
export interface MessageBus extends AsyncDisposable {
  /**
   * Publishes in order and resolves when the bus holds all of them. The event id is the
   * deduplication id, the log position is a header. When it rejects, the bus holds the first
   * few, without a gap.
   *
   * @throws {MessageBusConflictError} when the bus does not hold `after` as its newest event.
   * @throws {MessageBusUnavailableError} when the bus cannot be reached or does not answer.
   */
  publish(events: readonly RecordedEvent[], options?: PublishOptions): Promise<void>

  /**
   * Log position of the newest event that the bus holds; 0n when it holds none.
   *
   * @throws {MessageBusUnavailableError} when the bus cannot be reached or does not answer.
   */
  lastPosition(): Promise<Position>

  /**
   * The newest event that the bus holds; undefined when it holds none.
   *
   * @throws {MessageBusUnavailableError} when the bus cannot be reached or does not answer.
   */
  newest(): Promise<PublishedEvent | undefined>

  /**
   * Forgets every event up to `newest`; none when another one is the newest by now.
   * Subscriptions stay and receive what is published from then on.
   *
   * @throws {MessageBusUnavailableError} when the bus cannot be reached or does not answer.
   */
  forget(newest: PublishedEvent): Promise<void>

  /** Calls `handle` for each message; a rejection has the message delivered again after a backoff. Ends when `signal` aborts and the running handlers are done. */
  subscribe(
    options: SubscribeOptions,
    handle: (message: DeliveredMessage) => Promise<void>,
  ): Promise<void>
}

export class MessageBusUnavailableError extends Error {
  override readonly name = 'MessageBusUnavailableError'
}

export class MessageBusConflictError extends Error {
  override readonly name = 'MessageBusConflictError'
}

/** How far the bus has followed the log. */
export type BusProgress = {
  readonly newest: PublishedEvent | undefined
  /** The end of the log, asked for after the end of the bus. */
  readonly head: Position
  /**
   * Whether the log has that very event at that place. If not, the bus was filled from another
   * log, or from this one before it was set back to an older state; positions then say nothing.
   */
  readonly ofThisLog: boolean
}

export async function busProgress({
  store,
  bus,
}: {
  readonly store: EventStore
  readonly bus: MessageBus
}): Promise<BusProgress> {
  const newest = await bus.newest()
  const head = await store.head()
  return { newest, head, ofThisLog: newest === undefined || (await holds(store, newest)) }
}

/** By its place in its stream: that reading begins at a position is not in every store's power. */
async function holds(store: EventStore, wanted: PublishedEvent): Promise<boolean> {
  const { stream, revision } = wanted
  for await (const event of store.readStream(stream, { from: revision, limit: 1 }))
    return event.eventId === wanted.eventId && event.position === wanted.position
  return false
}

const UNSAFE = /[^A-Za-z0-9_-]/g

/** `tidemark.<tenant>.<context>.<EventType>`: where an event is published; by default of any tenant. */
export function eventSubject(type: string, tenantId = '*'): string {
  const context = eventDefinition(type)?.context ?? 'unknown'
  return `tidemark.${tenantId}.${context}.${type.replaceAll(UNSAFE, '_')}`
}
