import { MAX_SINGLE } from './subject-window.ts'

/** Of one window, over all subjects. */
export const MAX_ENTRIES = 200_000

type Counts = {
  events: number
  /** Subjects that have events in the part. */
  subjects: number
  /** Those of them that have none in a later part. */
  last: number
}

/** `at` counts parts since 1970. */
type Part = Counts & { readonly at: number }

export type WindowLoadData = { readonly first: number; readonly parts: readonly Part[] }

/**
 * How many entries a window has at most, counted by parts of its duration, and from which part on all of
 * them can be kept. Both follow from the events of the parts that did not expire, whenever counting began. So
 * it follows from the log alone whether a window can be asked.
 */
export class WindowLoad {
  readonly #parts: Part[]
  readonly #sum: Counts = { events: 0, subjects: 0, last: 0 }
  readonly #maxEntries: number
  #first: number

  constructor(
    { first, parts }: WindowLoadData = { first: Number.MIN_SAFE_INTEGER, parts: [] },
    maxEntries = MAX_ENTRIES,
  ) {
    this.#maxEntries = maxEntries
    this.#first = first
    this.#parts = parts.map((part) => ({ ...part }))
    for (const part of parts) this.#count(part, 1)
  }

  /** The first part that is kept; of those before it something can be missing. */
  get first(): number {
    return this.#first
  }

  /**
   * Counts an event.
   *
   * @param at the part that it is in; it is no earlier one than that of the event before.
   * @param before the part of the subject's last event before it, if that is kept.
   * @param oldest the first part that did not expire.
   */
  add(at: number, before: number | undefined, oldest: number): void {
    while ((this.#parts[0]?.at ?? oldest) < oldest) this.#drop()
    const part = this.#partAt(at)
    change(part, this.#sum, 'events', 1)
    if (before !== at) {
      change(part, this.#sum, 'subjects', 1)
      change(part, this.#sum, 'last', 1)
      const left = this.#parts.findLast((each) => each.at === before)
      if (left !== undefined) change(left, this.#sum, 'last', -1)
    }
    while (this.#entries > this.#maxEntries) this.#first = this.#drop() + 1
  }

  /** Of a subject: its newest events one by one, and no more than one entry for those of each part before. */
  get #entries(): number {
    const { events, subjects, last } = this.#sum
    return Math.min(events, subjects + MAX_SINGLE * last)
  }

  #partAt(at: number): Part {
    const newest = this.#parts.at(-1)
    if (newest?.at === at) return newest
    const part = { at, events: 0, subjects: 0, last: 0 }
    this.#parts.push(part)
    return part
  }

  /** Forgets the oldest part. */
  #drop(): number {
    const oldest = this.#parts.shift() as Part
    this.#count(oldest, -1)
    return oldest.at
  }

  #count({ events, subjects, last }: Counts, sign: 1 | -1): void {
    this.#sum.events += sign * events
    this.#sum.subjects += sign * subjects
    this.#sum.last += sign * last
  }

  data(): WindowLoadData {
    return { first: this.#first, parts: this.#parts.map((part) => ({ ...part })) }
  }
}

function change(part: Part, sum: Counts, count: keyof Counts, by: 1 | -1): void {
  part[count] += by
  sum[count] += by
}
