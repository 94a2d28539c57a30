import type { Reader } from './read.ts'

/** Ids remembered over all streams; about 150 bytes each. */
const MAX_REMEMBERED = 50_000

export type Place = { readonly revision: bigint; readonly position: bigint }

/** Where the events of one stream are, by their id. */
export type StreamIds = {
  /** Undefined when the stream has no event that can be read. */
  last: bigint | undefined
  readonly places: Map<string, Place>
}

/**
 * The ids of whole streams, for appends that come without a revision.
 *
 * What was read stays known (a log only grows), so a stream is read whole once and then from
 * where it was left; the least recently used streams are forgotten first.
 */
export class StreamIdsCache {
  readonly #reader: Reader
  readonly #known = new Map<string, StreamIds>()
  #remembered = 0

  constructor(reader: Reader) {
    this.#reader = reader
  }

  /** As the stream is now. */
  async read(stream: string): Promise<StreamIds> {
    const ids = this.#take(stream) ?? { last: undefined, places: new Map() }
    const from = ids.last === undefined ? {} : { from: ids.last + 1n }
    for await (const { id, revision, position } of this.#reader.stream(stream, from)) {
      ids.places.set(id, { revision, position })
      ids.last = revision
    }
    this.#put(stream, ids)
    return ids
  }

  #take(stream: string): StreamIds | undefined {
    const ids = this.#known.get(stream)
    if (ids === undefined) return undefined
    this.#known.delete(stream)
    this.#remembered -= ids.places.size
    return ids
  }

  #put(stream: string, ids: StreamIds): void {
    this.#take(stream)
    this.#known.set(stream, ids)
    this.#remembered += ids.places.size
    for (const oldest of this.#known.keys()) {
      if (this.#remembered <= MAX_REMEMBERED) return
      this.#take(oldest)
    }
  }
}
