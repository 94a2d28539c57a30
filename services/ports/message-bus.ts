import type { Position, RecordedEvent } from './event-store.ts'

/** One stored event on its way to subscribers, as a CloudEvent in binary mode. */
export type BusMessage = {
  readonly subject: string
  readonly event: RecordedEvent
}

export type DeliveredMessage = {
  readonly subject: string
  /** CloudEvents context attributes, without their `ce-` prefix. */
  readonly attributes: Readonly<Record<string, string>>
  readonly position: Position
  readonly data: Readonly<Record<string, unknown>>
  /** How often the bus delivered it, from 1. */
  readonly deliveryCount: number
}

export type SubscribeOptions = {
  /** Name of the durable consumer: processes with the same name share its messages. */
  readonly durable: string
  /** Subjects to receive, wildcards allowed. */
  readonly subjects: readonly string[]
  readonly signal: AbortSignal
  /** Undefined = redelivered for ever. */
  readonly ackWaitMs?: number
  readonly maxInFlight?: number
}

/**
 * Distribution to reactors, workers and outside subscribers; never the only copy of an event.
 * At-least-once: a handler must be safe to run again.
 */
export interface MessageBus extends AsyncDisposable {
  /**
   * Publishes in order and resolves when the bus holds all of them. The event id is the
   * deduplication id, the log position is a header.
   */
  publish(messages: readonly BusMessage[]): Promise<void>

  /** Log position of the newest event that the bus holds; 0n when it holds none. */
  lastPosition(): Promise<Position>

  /** Calls `handle` for each message; a rejection has the message delivered again after a backoff. Ends when `signal` aborts. */
  subscribe(
    options: SubscribeOptions,
    handle: (message: DeliveredMessage) => Promise<void>,
  ): Promise<void>
}

export class MessageBusUnavailableError extends Error {
  override readonly name = 'MessageBusUnavailableError'
}
