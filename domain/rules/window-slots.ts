import { bucketOf, quantile } from '../kernel/duration-sketch.ts'
import type { WindowReading } from './condition/run.ts'

/** Events that are forgotten together, at the instant of the last one. `sketch` once they are several. */
export type Slot = {
  /** Unix ms. */
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

/** Of one event. @param value when it passes the filter, if the window has values. */
export function slotOf(last: number, matched: boolean, value: number | undefined): Slot {
  return {
    last,
    total: 1,
    matched: matched ? 1 : 0,
    sum: matched ? (value ?? 0) : 0,
    value: matched ? value : undefined,
    sketch: undefined,
  }
}

export function merge(into: Slot, slot: Slot): void {
  const sketch = into.sketch ?? new Map<number, number>()
  if (into.sketch === undefined) addTo(sketch, into)
  addTo(sketch, slot)
  into.last = slot.last
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

export function slotData({ last, total, matched, sum, value, sketch }: Slot): SlotData {
  return [last, total, matched, sum, value ?? null, sketch ? [...sketch] : null]
}

export function slotFrom([last, total, matched, sum, value, sketch]: SlotData): Slot {
  return {
    ...{ last, total, matched, sum },
    value: value ?? undefined,
    sketch: sketch ? new Map(sketch) : undefined,
  }
}

/** What some slots say together. */
export class SlotsReading implements WindowReading {
  total = 0
  matched = 0
  /** Oldest first. */
  protected readonly slots: Slot[]

  constructor(slots: Slot[]) {
    this.slots = slots
    for (const slot of slots) this.count(slot, 1)
  }

  protected count({ total, matched }: Slot, sign: 1 | -1): void {
    this.total += sign * total
    this.matched += sign * matched
  }

  sum(): number {
    return this.slots.reduce((sum, slot) => sum + slot.sum, 0)
  }

  percentile(fraction: number): number {
    if (this.slots.every(({ sketch }) => sketch === undefined)) {
      const values = this.slots.flatMap(({ value }) => value ?? []).toSorted((a, b) => a - b)
      return values[Math.max(0, Math.ceil(fraction * values.length) - 1)] ?? 0
    }
    const all = new Map<number, number>()
    for (const slot of this.slots) addTo(all, slot)
    return quantile(all, fraction) ?? 0
  }
}
