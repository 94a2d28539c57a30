import { setTimeout as sleep } from 'node:timers/promises'
import type { EventStoreDBClient } from '@eventstore/db-client'
import {
  type AppendContext,
  type Appended,
  type EventStore,
  EventStoreUnavailableError,
  type ExpectedRevision,
  type FeedBatch,
  type FollowOptions,
  type NewEvent,
  type Position,
  type ReadAllOptions,
  type ReadStreamOptions,
  type RecordedEvent,
} from '../../../services/ports/event-store.ts'
import type { Logger } from '../../../services/ports/logger.ts'
import type { Metrics } from '../../../services/ports/metrics.ts'
import type { EventCodec } from '../codec.ts'
import { Appender } from './append.ts'
import { connectTo } from './connection.ts'
import { ExactAppend } from './exact-append.ts'
import { follow } from './follow.ts'
import { Reader } from './read.ts'

const DEFAULT_CALL_TIMEOUT_MS = 10_000
const ATTEMPTS_IN_A_CALL = 4

export type EventStoreDbOptions = {
  /** `esdb://[user:password@]host:port[,…][?tls=false&…]`; the user reads `$all`, so an administrator. */
  readonly connectionString: string
  readonly codec: EventCodec
  readonly logger: Logger
  readonly metrics: Metrics
  /** How long an append is sent again while its outcome is unknown, and a read waits for its next event. */
  readonly callTimeoutMs?: number
  /** How long one sending of an append waits for its answer, and a read tries to connect again. */
  readonly attemptTimeoutMs?: number
}

/**
 * The `EventStore` port on EventStoreDB; docs/decisions/0002 says what it does about what.
 *
 * Connects at the first call. Dispose it last: nothing else may be using it.
 *
 * @throws {RangeError} when the connection string cannot be used.
 */
export function createEventStoreDbEventStore(options: EventStoreDbOptions): EventStore {
  return new EventStoreDbEventStore(options)
}

class EventStoreDbEventStore implements EventStore {
  readonly #options: EventStoreDbOptions
  readonly #client: EventStoreDBClient
  readonly #reader: Reader
  readonly #appender: Appender
  readonly #callTimeoutMs: number
  readonly #disposed = new AbortController()

  constructor(options: EventStoreDbOptions) {
    const callTimeoutMs = options.callTimeoutMs ?? DEFAULT_CALL_TIMEOUT_MS
    const attemptTimeoutMs = options.attemptTimeoutMs ?? callTimeoutMs / ATTEMPTS_IN_A_CALL
    const connection = connectTo(options.connectionString)
    const { logger } = options
    this.#options = options
    this.#callTimeoutMs = callTimeoutMs
    this.#client = connection.client
    this.#reader = new Reader(connection.client, {
      timeoutMs: callTimeoutMs,
      patienceMs: attemptTimeoutMs,
    })
    const exact = new ExactAppend({ ...connection, logger, callTimeoutMs, attemptTimeoutMs })
    this.#appender = new Appender(exact, this.#reader)
  }

  async append(
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
    context: AppendContext,
  ): Promise<Appended> {
    this.#refuseWhenDisposed()
    const encoded = this.#options.codec.encode(stream, events, context)
    const startedAt = performance.now()
    const appended = await this.#appender.append(stream, encoded, expected)
    this.#options.metrics.appended(events.length, (performance.now() - startedAt) / 1_000)
    return appended
  }

  async *readStream(stream: string, options?: ReadStreamOptions): AsyncGenerator<RecordedEvent> {
    this.#refuseWhenDisposed()
    for await (const event of this.#reader.stream(stream, options))
      yield this.#options.codec.decode(event)
  }

  async *readAll(options?: ReadAllOptions): AsyncGenerator<RecordedEvent> {
    this.#refuseWhenDisposed()
    for await (const event of this.#reader.all(options)) yield this.#options.codec.decode(event)
  }

  follow(options: FollowOptions): AsyncGenerator<FeedBatch> {
    this.#refuseWhenDisposed()
    const signal = AbortSignal.any([options.signal, this.#disposed.signal])
    return follow(
      { ...options, signal },
      {
        client: this.#client,
        reader: this.#reader,
        codec: this.#options.codec,
        logger: this.#options.logger,
        timeoutMs: this.#callTimeoutMs,
      },
    )
  }

  async head(): Promise<Position> {
    this.#refuseWhenDisposed()
    return await this.#reader.head()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort()
    // The client waits for calls that a broken connection may never end.
    await Promise.race([
      this.#client.dispose(),
      sleep(this.#callTimeoutMs, undefined, { ref: false }),
    ])
  }

  #refuseWhenDisposed(): void {
    if (this.#disposed.signal.aborted)
      throw new EventStoreUnavailableError('The event store is closed.')
  }
}
