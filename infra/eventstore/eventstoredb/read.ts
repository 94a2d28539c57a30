import type {
  EventStoreDBClient,
  ReadStreamOptions as PageOptions,
  ResolvedEvent,
} from '@eventstore/db-client'
import {
  isSelective,
  type Position,
  passes,
  type ReadAllOptions,
  type ReadStreamOptions,
} from '../../../services/ports/event-store.ts'
import type { StoredEvent } from '../codec.ts'
import { toStoredEvent } from './events.ts'
import { faultOf, StreamTombstonedError, unavailable } from './faults.ts'
import { persistent } from './persistent.ts'

const PAGE_SIZE = 512
/** Enough to step over a few of EventStoreDB's own events. */
const SMALLEST_PAGE = 8
const LARGEST_REVISION = 9_223_372_036_854_775_807n

/** The client begins at the start in both directions unless told otherwise. */
const EDGE = { forwards: 'start', backwards: 'end' } as const

type Direction = 'forwards' | 'backwards'

export type ReaderOptions = {
  /** How long a page waits for its next event. */
  readonly timeoutMs: number
  /** How long a page is asked for again while the connection is broken. */
  readonly patienceMs: number
}

/** Reads in pages, each a call of its own. */
export class Reader {
  readonly #client: EventStoreDBClient
  readonly #options: ReaderOptions

  constructor(client: EventStoreDBClient, options: ReaderOptions) {
    this.#client = client
    this.#options = options
  }

  /** @throws {StreamTombstonedError} */
  async *stream(
    stream: string,
    { from, direction = 'forwards', limit = Number.POSITIVE_INFINITY }: ReadStreamOptions = {},
  ): AsyncGenerator<StoredEvent> {
    let left = limit
    let next = startOf(from, direction)
    while (left >= 1 && next !== undefined) {
      const maxCount = Math.min(left, PAGE_SIZE)
      let count = 0
      for await (const resolved of this.#streamPage(stream, () => ({
        direction,
        fromRevision: next ?? EDGE[direction],
        maxCount,
      }))) {
        count += 1
        const event = toStoredEvent(resolved)
        if (event === undefined) continue
        next = startOf(event.revision + (direction === 'forwards' ? 1n : -1n), direction)
        left -= 1
        yield event
        if (left < 1) return
      }
      if (count < maxCount) return
    }
  }

  /** Any number does for `from`: one that is no event's position makes this read that whole side. */
  async *all({
    from,
    direction = 'forwards',
    limit = Number.POSITIVE_INFINITY,
    ...filter
  }: ReadAllOptions = {}): AsyncGenerator<StoredEvent> {
    if (limit < 1 || (direction === 'backwards' && from !== undefined && from <= 0n)) return
    const isFiltered = isSelective(filter)
    const pageSize = isFiltered
      ? PAGE_SIZE
      : Math.max(SMALLEST_PAGE, Math.min(PAGE_SIZE, limit + 1))
    let left = limit
    for await (const event of this.#fromAnywhere(from, direction, pageSize)) {
      if (!passes(filter, event)) continue
      yield event
      left -= 1
      if (left < 1) return
    }
  }

  /** Position of the newest event that is not EventStoreDB's own; 0n when there is none. */
  async head(): Promise<Position> {
    for await (const { position } of this.all({ direction: 'backwards', limit: 1 })) return position
    return 0n
  }

  async *#fromAnywhere(
    from: Position | undefined,
    direction: Direction,
    pageSize: number,
  ): AsyncGenerator<StoredEvent> {
    let last = from
    try {
      for await (const event of this.#pages(from, direction, pageSize)) {
        last = event.position
        yield event
      }
    } catch (error) {
      if (last === undefined || last !== from || faultOf(error) !== 'unexplained')
        throw unavailable('reading the log', error)
      for await (const event of this.#fromAnywhere(undefined, direction, PAGE_SIZE))
        if (direction === 'forwards' ? event.position > last : event.position < last) yield event
    }
  }

  async *#pages(
    from: Position | undefined,
    direction: Direction,
    maxCount: number,
  ): AsyncGenerator<StoredEvent> {
    let cursor = from !== undefined && from > 0n ? from : undefined
    const open = () =>
      this.#client.readAll({
        direction,
        maxCount,
        fromPosition: cursor === undefined ? EDGE[direction] : { commit: cursor, prepare: cursor },
      })
    for (let count = maxCount; count >= maxCount; ) {
      count = 0
      for await (const resolved of persistent(open, this.#options)) {
        count += 1
        const position = resolved.event?.position.commit
        // Forwards, the server begins with the event at the position itself.
        if (position === undefined || position === cursor) continue
        cursor = position
        const event = toStoredEvent(resolved)
        if (event !== undefined) yield event
      }
    }
  }

  async *#streamPage(stream: string, options: () => PageOptions): AsyncGenerator<ResolvedEvent> {
    try {
      yield* persistent(() => this.#client.readStream(stream, options()), this.#options)
    } catch (error) {
      const fault = faultOf(error)
      if (fault === 'absent') return
      if (fault === 'deleted') throw new StreamTombstonedError(stream)
      throw unavailable(`reading stream ${stream}`, error)
    }
  }
}

/** Undefined when nothing can be there. */
function startOf(
  revision: bigint | undefined,
  direction: Direction,
): bigint | 'start' | 'end' | undefined {
  const isBeforeStart = revision !== undefined && revision < 0n
  const isBeyondEnd = revision !== undefined && revision > LARGEST_REVISION
  if (direction === 'forwards' ? isBeyondEnd : isBeforeStart) return undefined
  return isBeforeStart || isBeyondEnd || revision === undefined ? EDGE[direction] : revision
}
