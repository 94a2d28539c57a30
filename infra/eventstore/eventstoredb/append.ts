import type { EventData } from '@eventstore/db-client'
import {
  type Appended,
  EventIdConflictError,
  EventStoreUnavailableError,
  InvalidEventError,
  RevisionConflictError,
} from '../../../services/ports/event-store.ts'
import { type EncodedEvent, MAX_DATA_BYTES } from '../codec.ts'
import { toEventData } from './events.ts'
import type { ExactAppend, ExactRevision } from './exact-append.ts'
import type { Reader } from './read.ts'
import { type Place, StreamIdsCache } from './stream-ids.ts'
import { Turns } from './turns.ts'

/** Other processes can win this often before an append without a revision gives up. */
const MAX_LOST_RACES = 20

const MAX_IN_DOUBT = 10_000

type Batch = {
  readonly stream: string
  readonly ids: readonly string[]
  readonly events: EventData[]
}

/** Appends as the port promises them, by means of appends with an exact revision. */
export class Appender {
  readonly #exact: ExactAppend
  readonly #reader: Reader
  readonly #streamIds: StreamIdsCache
  readonly #turns = new Turns()
  /** Ids of events that may have been written, oldest first. */
  readonly #inDoubt = new Set<string>()

  constructor(exact: ExactAppend, reader: Reader) {
    this.#exact = exact
    this.#reader = reader
    this.#streamIds = new StreamIdsCache(reader)
  }

  async append(
    stream: string,
    encoded: readonly EncodedEvent[],
    expected: ExactRevision | 'stream-exists' | 'any',
  ): Promise<Appended> {
    refuseTooLarge(encoded)
    const batch = { stream, ids: encoded.map(({ id }) => id), events: encoded.map(toEventData) }
    try {
      const appended =
        expected === 'any' || expected === 'stream-exists'
          ? await this.#turns.take(stream, () => this.#appendAtTail(batch, expected))
          : await this.#appendAt(batch, expected)
      for (const id of batch.ids) this.#inDoubt.delete(id)
      return appended
    } catch (error) {
      if (error instanceof EventStoreUnavailableError) this.#doubt(batch.ids)
      throw error
    }
  }

  #doubt(ids: readonly string[]): void {
    for (const id of ids) this.#inDoubt.add(id)
    for (const oldest of this.#inDoubt) {
      if (this.#inDoubt.size <= MAX_IN_DOUBT) return
      this.#inDoubt.delete(oldest)
    }
  }

  async #appendAt(batch: Batch, expected: ExactRevision): Promise<Appended> {
    const known = await this.#doubted(batch)
    if (known !== undefined) return known
    const answer = await this.#exact.send(batch.stream, batch.events, expected)
    if (answer.outcome === 'appended') return await this.#placed(batch.stream, answer)
    const repeated = repetition(batch, await this.#placesAfter(batch, expected))
    if (repeated !== undefined) return repeated
    throw new RevisionConflictError(batch.stream, expected, answer.actual)
  }

  /**
   * The first result of events whose outcome stayed unknown. Their caller may have read the
   * stream since and expect its new revision: the server would write them a second time.
   */
  async #doubted(batch: Batch): Promise<Appended | undefined> {
    if (!batch.ids.some((id) => this.#inDoubt.has(id))) return undefined
    const { places } = await this.#streamIds.read(batch.stream)
    return repetition(batch, places)
  }

  /** Reads the whole stream for the ids: the server forgets them, with a restart at the latest. */
  async #appendAtTail(batch: Batch, expected: 'stream-exists' | 'any'): Promise<Appended> {
    let hidden: ExactRevision = 'no-stream'
    for (let lost = 0; lost < MAX_LOST_RACES; lost++) {
      const { last, places } = await this.#streamIds.read(batch.stream)
      const repeated = repetition(batch, places)
      if (repeated !== undefined) return repeated
      if (last === undefined && expected === 'stream-exists')
        throw new RevisionConflictError(batch.stream, expected, 'no-stream')
      const tail = later(last ?? 'no-stream', hidden)
      const answer = await this.#exact.send(batch.stream, batch.events, tail)
      if (answer.outcome === 'appended') return await this.#placed(batch.stream, answer)
      // Also says where a stream ends whose last events an operator truncated.
      hidden = answer.actual
    }
    throw new EventStoreUnavailableError(
      `Other writers got in first ${MAX_LOST_RACES} times (appending to stream ${batch.stream}).`,
    )
  }

  /** A retry that carries its first expectation would have these revisions. */
  async #placesAfter(
    { stream, ids }: Batch,
    expected: ExactRevision,
  ): Promise<ReadonlyMap<string, Place>> {
    const from = expected === 'no-stream' ? 0n : expected + 1n
    const places = new Map<string, Place>()
    for await (const { id, revision, position } of this.#reader.stream(stream, {
      from,
      limit: ids.length,
    }))
      places.set(id, { revision, position })
    return places
  }

  async #placed(
    stream: string,
    { revision, position }: { readonly revision: bigint; readonly position: bigint | undefined },
  ): Promise<Appended> {
    if (position !== undefined) return { revision, position }
    for await (const event of this.#reader.stream(stream, { from: revision, limit: 1 }))
      if (event.revision === revision) return { revision, position: event.position }
    // Deleted or truncated by an operator since; the event is not later than the log's end.
    return { revision, position: await this.#reader.head() }
  }
}

/**
 * The first result, when exactly these events are there, in this order and without a gap.
 *
 * @returns undefined when none of them is there.
 * @throws {EventIdConflictError} when they are there otherwise.
 */
function repetition(
  { stream, ids }: Batch,
  places: ReadonlyMap<string, Place>,
): Appended | undefined {
  const found = ids.map((id) => places.get(id))
  if (found.every((place) => place === undefined)) return undefined
  const first = found[0]
  const last = found.at(-1)
  const isRepeat = found.every(
    (place, index) => first !== undefined && place?.revision === first.revision + BigInt(index),
  )
  if (isRepeat && last !== undefined) return last
  throw new EventIdConflictError(
    `An append to ${stream} has ids that were already appended otherwise.`,
  )
}

function later(one: ExactRevision, other: ExactRevision): ExactRevision {
  if (one === 'no-stream') return other
  if (other === 'no-stream') return one
  return one > other ? one : other
}

/** EventStoreDB's limit is for one append, the codec's for one event. */
function refuseTooLarge(encoded: readonly EncodedEvent[]): void {
  const bytes = encoded.reduce((sum, { data }) => sum + Buffer.byteLength(data), 0)
  if (bytes > MAX_DATA_BYTES)
    throw new InvalidEventError(
      `An append to EventStoreDB has at most ${MAX_DATA_BYTES} bytes of data, this has ${bytes}.`,
    )
}
