import { setTimeout as delay } from 'node:timers/promises'
import { backoff } from '../../domain/kernel/backoff.ts'
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
import type { PersonalData } from './personal-data.ts'

const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 5_000
/** Events whose keys are asked for at once, where several are read. */
const OPENED_TOGETHER = 100

export type SealingStoreDeps = {
  /** The log, which sees ciphertext only. The caller disposes it. */
  readonly log: EventStore
  readonly personal: PersonalData
  readonly logger: Logger
}

/**
 * The log for those who may read personal data: it is encrypted on the way in and decrypted on
 * the way out. `raw` stays what is stored. Events without personal fields pass as they are.
 */
export function createSealingStore(deps: SealingStoreDeps): EventStore {
  return new SealingStore(deps)
}

class SealingStore implements EventStore {
  readonly #log: EventStore
  readonly #personal: PersonalData
  readonly #logger: Logger

  constructor({ log, personal, logger }: SealingStoreDeps) {
    this.#log = log
    this.#personal = personal
    this.#logger = logger
  }

  append(
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
    context: AppendContext,
  ): Promise<Appended> {
    return events.some(({ type }) => this.#personal.has(type))
      ? this.#appendSealed(stream, events, expected, context)
      : this.#log.append(stream, events, expected, context)
  }

  readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<RecordedEvent> {
    return this.#opened(this.#log.readStream(stream, options))
  }

  readAll(options: ReadAllOptions = {}): AsyncIterable<RecordedEvent> {
    const { types } = options
    const events = this.#log.readAll(options)
    const isPlain = types !== undefined && !types.some((type) => this.#personal.has(type))
    return isPlain ? events : this.#opened(events)
  }

  /** Like the log's, it heals by itself while the keys cannot be read. */
  async *follow(options: FollowOptions): AsyncGenerator<FeedBatch> {
    for await (const batch of this.#log.follow(options)) {
      if (!batch.events.some(({ type }) => this.#personal.has(type))) yield batch
      else {
        const events = await this.#openPatiently(batch.events, options.signal)
        if (events === undefined) return
        yield { ...batch, events }
      }
    }
  }

  head(): Promise<Position> {
    return this.#log.head()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // The log is its owner's to close.
  }

  async #appendSealed(
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
    context: AppendContext,
  ): Promise<Appended> {
    const sealed = await this.#personal.seal(stream, context.tenantId, events)
    return await this.#log.append(stream, sealed, expected, context)
  }

  async *#opened(events: AsyncIterable<RecordedEvent>): AsyncGenerator<RecordedEvent> {
    let waiting: RecordedEvent[] = []
    for await (const event of events) {
      if (waiting.length === 0 && !this.#personal.has(event.type)) {
        yield event
        continue
      }
      waiting.push(event)
      if (waiting.length < OPENED_TOGETHER) continue
      yield* await this.#open(waiting)
      waiting = []
    }
    yield* await this.#open(waiting)
  }

  /** @throws {EventStoreUnavailableError} when the keys cannot be read. */
  async #open(events: readonly RecordedEvent[]): Promise<readonly RecordedEvent[]> {
    try {
      return await this.#personal.open(events)
    } catch (cause) {
      throw new EventStoreUnavailableError('The keys of personal data cannot be read.', { cause })
    }
  }

  /** @returns undefined when `signal` aborted first. */
  async #openPatiently(
    events: readonly RecordedEvent[],
    signal: AbortSignal,
  ): Promise<readonly RecordedEvent[] | undefined> {
    for (let failures = 1; !signal.aborted; failures++) {
      try {
        return await this.#open(events)
      } catch (error) {
        this.#logger.warn({ err: error }, 'following the log is interrupted')
        await delay(backoff(failures, RETRY_MIN_MS, RETRY_MAX_MS), undefined, { signal }).catch(
          () => {},
        )
      }
    }
    return undefined
  }
}
