import { bucketOf, quantile } from '../kernel/duration-sketch.ts'
import type { WindowReading } from './condition/run.ts'

/** Up to this many events every one is remembered: exact. */
const MAX_SLOTS = 256
/** Beyond that, events of the same part of the duration are taken together: the edge of the window is this much of it unsharp. */
const PARTS = 128

/** Events that are forgotten together, at the instant of the last one. `sketch` once they are several. */
type Slot = {
  last: number
  total: number
  matched: number
  sum: number
  value: number | undefined
  sketch: Map<number, number> | undefined
}

export type SlotData = readonly [
  last: number,
  total: number,
  matched: number,
  sum: number,
  value: number | null,
  sketch: readonly (readonly [number, number])[] | null,
]

export type SubjectWindowData = {
  readonly epoch: number
  readonly since: number | null
  readonly slots: readonly SlotData[]
}

/** What a window has of one subject. Instants in Unix ms, by the clock of the log. */
export class SubjectWindow implements WindowReading {
  total = 0
  matched = 0
  readonly #durationMs: number
  /** Oldest first. */
  #slots: Slot[] = []
  #epoch: number
  #since: number | undefined

  constructor(durationMs: number, epoch: number, data?: SubjectWindowData) {
    this.#durationMs = durationMs
    this.#epoch = data?.epoch ?? epoch
    this.#since = data?.since ?? undefined
    for (const [last, total, matched, sum, value, sketch] of data?.slots ?? [])
      this.#push({
        last,
        total,
        matched,
        sum,
        value: value ?? undefined,
        sketch: sketch ? new Map(sketch) : undefined,
      })
  }

  /** @param value of an event that passes the filter, if the window has values. */
  add(now: number, matched: boolean, value: number | undefined): void {
    this.#push({
      last: now,
      total: 1,
      matched: matched ? 1 : 0,
      sum: matched ? (value ?? 0) : 0,
      value: matched ? value : undefined,
      sketch: undefined,
    })
    if (this.#slots.length > MAX_SLOTS) this.#compact()
  }

  #push(slot: Slot): void {
    this.#slots.push(slot)
    this.total += slot.total
    this.matched += slot.matched
  }

  /** Forgets everything; what comes from now on counts. */
  restart(now: number): void {
    this.#empty()
    this.#since = now
  }

  #empty(): void {
    this.#slots = []
    this.total = 0
    this.matched = 0
  }

  /** Forgets what is older than the duration. */
  expire(now: number, epoch: number): void {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch
      this.#since = undefined
      this.#empty()
      return
    }
    const oldest = now - this.#durationMs
    let gone = 0
    for (const slot of this.#slots) {
      if (slot.last > oldest) break
      gone += 1
      this.total -= slot.total
      this.matched -= slot.matched
    }
    if (gone > 0) this.#slots.splice(0, gone)
    if (this.#since !== undefined && this.#since <= oldest) this.#since = undefined
  }

  /** Whether it has restarted within the duration. */
  get restarted(): boolean {
    return this.#since !== undefined
  }

  get isEmpty(): boolean {
    return this.#slots.length === 0 && this.#since === undefined
  }

  get slots(): number {
    return this.#slots.length
  }

  #compact(): void {
    const partMs = this.#durationMs / PARTS
    const merged: Slot[] = []
    for (const slot of this.#slots) {
      const previous = merged.at(-1)
      const together =
        previous && Math.floor(previous.last / partMs) === Math.floor(slot.last / partMs)
      if (previous === undefined || !together) merged.push(slot)
      else merge(previous, slot)
    }
    this.#slots = merged
  }

  sum(): number {
    return this.#slots.reduce((sum, slot) => sum + slot.sum, 0)
  }

  percentile(fraction: number): number {
    if (this.#slots.every(({ sketch }) => sketch === undefined)) {
      const values = this.#slots.flatMap(({ value }) => value ?? []).toSorted((a, b) => a - b)
      return values[Math.max(0, Math.ceil(fraction * values.length) - 1)] ?? 0
    }
    const all = new Map<number, number>()
    for (const slot of this.#slots) addTo(all, slot)
    return quantile(all, fraction) ?? 0
  }

  data(): SubjectWindowData {
    return {
      epoch: this.#epoch,
      since: this.#since ?? null,
      slots: this.#slots.map(({ last, total, matched, sum, value, sketch }) => [
        last,
        total,
        matched,
        sum,
        value ?? null,
        sketch ? [...sketch] : null,
      ]),
    }
  }
}

function merge(into: Slot, slot: Slot): void {
  const sketch = into.sketch ?? new Map<number, number>()
  if (into.sketch === undefined) addTo(sketch, into)
  addTo(sketch, slot)
  into.last = Math.max(into.last, slot.last)
  into.total += slot.total
  into.matched += slot.matched
  into.sum += slot.sum
  into.value = undefined
  into.sketch = sketch
}

function addTo(all: Map<number, number>, { value, sketch }: Slot): void {
  if (value !== undefined) all.set(bucketOf(value), (all.get(bucketOf(value)) ?? 0) + 1)
  for (const [bucket, count] of sketch ?? []) all.set(bucket, (all.get(bucket) ?? 0) + count)
}
