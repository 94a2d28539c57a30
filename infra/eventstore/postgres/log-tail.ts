import {
  type EventFilter,
  type FeedBatch,
  type Position,
  passes,
  type RecordedEvent,
} from '../../../services/ports/event-store.ts'
import type { EventCodec, StoredEvent } from '../codec.ts'
import type { LogReader } from './log-reader.ts'

const MAX_KEPT = 2_000
/** Characters of data and metadata. */
const MAX_KEPT_LENGTH = 8 * 1_048_576

type Entry = { readonly stored: StoredEvent; decoded?: RecordedEvent }

/** All events after `from`, up to `through`. */
type Kept = {
  from: Position
  through: Position
  readonly entries: Entry[]
  length: number
  reading?: Promise<void> | undefined
}

/** A part of the log, from exclusive to end inclusive, and where the log ends for now. */
export type Part = { readonly after: Position; readonly end: Position; readonly head: Position }

/**
 * The newest part of the log for the followers of this process: each event is read once, and
 * decoded at most once, however many wait for it.
 */
export class LogTail {
  readonly #reader: LogReader
  readonly #codec: EventCodec
  #followers = 0
  #kept: Kept | undefined

  constructor(reader: LogReader, codec: EventCodec) {
    this.#reader = reader
    this.#codec = codec
  }

  join(): void {
    this.#followers += 1
  }

  leave(): void {
    this.#followers -= 1
    if (this.#followers === 0) this.forget()
  }

  /** The server may be another one by now, with another log. */
  forget(): void {
    this.#kept = undefined
  }

  /**
   * What passes the filter, at most `limit` events of it.
   *
   * @returns undefined when the part begins before what is kept, or nothing is kept.
   * @throws {EventStoreUnavailableError}
   */
  async between(part: Part, filter: EventFilter, limit: number): Promise<FeedBatch | undefined> {
    const kept = this.#keptFor(part)
    if (kept === undefined) return undefined
    while (kept.through < part.end) {
      kept.reading ??= this.#readOn(kept, part.end).finally(() => {
        kept.reading = undefined
      })
      await kept.reading
    }
    return part.after < kept.from ? undefined : this.#passing(kept, part, filter, limit)
  }

  #keptFor({ after, head }: Part): Kept | undefined {
    const isNear = (position: Position) => head - position <= MAX_KEPT
    if (this.#kept !== undefined && isNear(this.#kept.through))
      return after < this.#kept.from ? undefined : this.#kept
    if (isNear(after)) this.#kept = { from: after, through: after, entries: [], length: 0 }
    return isNear(after) ? this.#kept : undefined
  }

  async #readOn(kept: Kept, end: Position): Promise<void> {
    const { events, complete } = await this.#reader.readBetween(kept.through, end, {}, MAX_KEPT)
    for (const stored of events) {
      kept.entries.push({ stored })
      kept.length += lengthOf(stored)
    }
    kept.through = complete ? end : (events.at(-1)?.position ?? end)
    let dropped = 0
    for (const { stored } of kept.entries) {
      if (kept.entries.length - dropped <= MAX_KEPT && kept.length <= MAX_KEPT_LENGTH) break
      kept.length -= lengthOf(stored)
      kept.from = stored.position
      dropped += 1
    }
    kept.entries.splice(0, dropped)
  }

  #passing(kept: Kept, { after, end }: Part, filter: EventFilter, limit: number): FeedBatch {
    const events: RecordedEvent[] = []
    for (const entry of kept.entries.slice(firstAfter(kept.entries, after))) {
      if (entry.stored.position > end) break
      if (!passes(filter, entry.stored)) continue
      entry.decoded ??= this.#codec.decode(entry.stored)
      events.push(entry.decoded)
      if (events.length === limit) return { events, through: entry.stored.position }
    }
    return { events, through: end }
  }
}

/** From the end: most followers want the last few. */
function firstAfter(entries: readonly Entry[], after: Position): number {
  return entries.findLastIndex(({ stored }) => stored.position <= after) + 1
}

function lengthOf({ data, metadata }: StoredEvent): number {
  return data.length + metadata.length
}
