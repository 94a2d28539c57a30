import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** What a subscriber needs to know of an event, whichever way it came. */
export type Seen = { readonly position: bigint; readonly id: string; readonly type: string }

/** A message's place on the bus; a stream that was made anew counts from 1 again. */
export type BusPlace = { readonly created: string; readonly sequence: number }

type Saved = {
  readonly position: string
  readonly eventId: string
  readonly counts: Readonly<Record<string, number>>
  readonly bus?: BusPlace
}

const NOTHING: Saved = { position: '0', eventId: '', counts: {} }

/**
 * A count per event type, in one file together with the position up to which it is right. Both
 * are replaced at once or not at all, which is all that "exactly once" takes.
 */
export class Counts {
  readonly #file: string
  #saved: Saved

  constructor(file: string) {
    this.#file = file
    this.#saved = read(file)
  }

  get position(): bigint {
    return BigInt(this.#saved.position)
  }

  get eventId(): string {
    return this.#saved.eventId
  }

  get bus(): BusPlace | undefined {
    return this.#saved.bus
  }

  /** Counts the event, unless it was counted before. */
  apply({ position, id, type }: Seen): void {
    if (position <= this.position) return
    const { counts } = this.#saved
    this.#saved = {
      ...this.#saved,
      position: position.toString(),
      eventId: id,
      counts: { ...counts, [type]: (counts[type] ?? 0) + 1 },
    }
  }

  /** Every message of the bus up to here has been dealt with. */
  reach(bus: BusPlace): void {
    this.#saved = { ...this.#saved, bus }
  }

  /** On disk when this returns, also when the machine loses power. */
  save(): void {
    const temporary = `${this.#file}.new`
    writeFileSync(temporary, `${JSON.stringify(this.#saved, undefined, 2)}\n`)
    synced(temporary)
    renameSync(temporary, this.#file)
    synced(path.dirname(this.#file))
  }
}

function synced(place: string): void {
  const file = openSync(place, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function read(file: string): Saved {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Saved
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return NOTHING
    throw error
  }
}
