import type pg from 'pg'
import type {
  AppendContext,
  Appended,
  EventStore,
  ExpectedRevision,
  FeedBatch,
  FollowOptions,
  NewEvent,
  Position,
  ReadAllOptions,
  ReadStreamOptions,
  RecordedEvent,
} from '../../../services/ports/event-store.ts'
import type { Logger } from '../../../services/ports/logger.ts'
import type { Metrics } from '../../../services/ports/metrics.ts'
import type { EventCodec, StoredEvent } from '../codec.ts'
import { Appender } from './appender.ts'
import { follow } from './follow.ts'
import { LogListener } from './log-listener.ts'
import { LogReader } from './log-reader.ts'
import { LogTail } from './log-tail.ts'
import { LogWriter } from './log-writer.ts'

const DEFAULT_TIMEOUTS = { appendMs: 10_000, statementMs: 4_000, readMs: 15_000 }

export type PostgresEventStoreDeps = {
  /** For reads. The caller ends it, after the store. One connection to append and one to listen are the store's own, with the pool's settings. */
  readonly pool: pg.Pool
  readonly codec: EventCodec
  readonly logger: Logger
  readonly metrics: Metrics
  readonly timeouts?: {
    /** How long a caller of `append` waits at most. */
    readonly appendMs: number
    /** One statement of an append: shorter, so that there is a second attempt after one that hangs. */
    readonly statementMs: number
    /** One page of a read. */
    readonly readMs: number
  }
}

/**
 * The log in Postgres. Connects when first used. Positions are contiguous.
 *
 * It holds a session's advisory lock while it appends, so the address must be Postgres itself or
 * a pooler in session mode.
 */
export function createPostgresEventStore(deps: PostgresEventStoreDeps): EventStore {
  return new PostgresEventStore(deps)
}

class PostgresEventStore implements EventStore {
  readonly #codec: EventCodec
  readonly #logger: Logger
  readonly #reader: LogReader
  readonly #tail: LogTail
  readonly #listener: LogListener
  readonly #appender: Appender

  constructor({
    pool,
    codec,
    logger,
    metrics,
    timeouts = DEFAULT_TIMEOUTS,
  }: PostgresEventStoreDeps) {
    this.#codec = codec
    this.#logger = logger
    this.#reader = new LogReader(pool, timeouts.readMs)
    this.#tail = new LogTail(this.#reader, codec)
    this.#listener = new LogListener(pool.options, logger, () => this.#tail.forget())
    this.#appender = new Appender({
      connect: () => LogWriter.connect(pool.options, timeouts.statementMs),
      timeoutMs: timeouts.appendMs,
      logger,
      metrics,
    })
  }

  async append(
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
    context: AppendContext,
  ): Promise<Appended> {
    const encoded = this.#codec.encode(stream, events, context)
    const ids = encoded.map(({ id }) => id)
    return await this.#appender.append({ stream, ids, expected, events: encoded })
  }

  readStream(stream: string, options: ReadStreamOptions = {}): AsyncIterable<RecordedEvent> {
    return this.#decoded(this.#reader.readStream(stream, options))
  }

  readAll(options: ReadAllOptions = {}): AsyncIterable<RecordedEvent> {
    return this.#decoded(this.#reader.readAll(options))
  }

  follow(options: FollowOptions): AsyncIterable<FeedBatch> {
    const reader = this.#reader
    const listener = this.#listener
    const tail = this.#tail
    return follow({ reader, listener, tail, codec: this.#codec, logger: this.#logger }, options)
  }

  head(): Promise<Position> {
    return this.#reader.head()
  }

  /** Waits for the appends under way; followers end. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.#appender.close(), this.#listener.close()])
  }

  async *#decoded(events: AsyncIterable<StoredEvent>): AsyncGenerator<RecordedEvent> {
    for await (const event of events) yield this.#codec.decode(event)
  }
}
