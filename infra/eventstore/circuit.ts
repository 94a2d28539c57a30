import { setTimeout as delay } from 'node:timers/promises'
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
} from '../../services/ports/event-store.ts'
import type { Logger } from '../../services/ports/logger.ts'

/** How soon after its return a store is used again. */
const LOOK_MS = 500

/**
 * A store that is known to be away is not asked: callers hear at once that they must come again,
 * instead of each waiting for a timeout of its own. Meanwhile one look at the head after the other
 * finds out when it is back.
 *
 * A read that fails says that it is away. An append that fails has the head looked at first: a
 * store whose disk is full can still be read.
 */
export function withCircuit(store: EventStore, logger: Logger): EventStore {
  return new CircuitEventStore(store, logger)
}

class CircuitEventStore implements EventStore {
  readonly #store: EventStore
  readonly #logger: Logger
  readonly #disposed = new AbortController()
  /** What showed that the store is away. */
  #away: EventStoreUnavailableError | undefined
  #looking: Promise<void> | undefined

  constructor(store: EventStore, logger: Logger) {
    this.#store = store
    this.#logger = logger
  }

  async append(
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
    context: AppendContext,
  ): Promise<Appended> {
    this.#refuseWhenAway()
    try {
      return await this.#store.append(stream, events, expected, context)
    } catch (error) {
      if (error instanceof EventStoreUnavailableError) this.#looking ??= this.#look(0)
      throw error
    }
  }

  readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<RecordedEvent> {
    return this.#watched(() => this.#store.readStream(stream, options))
  }

  readAll(options?: ReadAllOptions): AsyncIterable<RecordedEvent> {
    return this.#watched(() => this.#store.readAll(options))
  }

  /** Heals by itself, and nobody waits for it. */
  follow(options: FollowOptions): AsyncIterable<FeedBatch> {
    return this.#store.follow(options)
  }

  async head(): Promise<Position> {
    this.#refuseWhenAway()
    return await this.#store.head().catch((error) => {
      throw this.#noticed(error)
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed.abort()
    await this.#store[Symbol.asyncDispose]()
    await this.#looking
  }

  async *#watched(read: () => AsyncIterable<RecordedEvent>): AsyncGenerator<RecordedEvent> {
    this.#refuseWhenAway()
    try {
      yield* read()
    } catch (error) {
      throw this.#noticed(error)
    }
  }

  #refuseWhenAway(): void {
    if (this.#away === undefined) return
    const { message, cause } = this.#away
    throw new EventStoreUnavailableError(message, { cause })
  }

  #noticed(error: unknown): unknown {
    if (error instanceof EventStoreUnavailableError) {
      this.#leave(error)
      this.#looking ??= this.#look(LOOK_MS)
    }
    return error
  }

  #leave(error: EventStoreUnavailableError): void {
    if (this.#away === undefined)
      this.#logger.warn({ err: error }, 'The event store is away; callers are refused at once.')
    this.#away = error
  }

  /** Until the head can be read. */
  async #look(pauseMs: number): Promise<void> {
    const { signal } = this.#disposed
    for (let wait = pauseMs; !signal.aborted; wait = LOOK_MS) {
      await delay(wait, undefined, { signal, ref: false }).catch(() => {})
      const failure = await this.#store.head().then(
        () => undefined,
        (error: unknown) => error,
      )
      if (!(failure instanceof EventStoreUnavailableError)) break
      this.#leave(failure)
    }
    if (this.#away !== undefined) this.#logger.info({}, 'The event store is used again.')
    this.#away = undefined
    this.#looking = undefined
  }
}
