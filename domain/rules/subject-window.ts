import type { WindowReading } from './condition/run.ts'
import {
  merge,
  type Slot,
  type SlotData,
  SlotsReading,
  slotData,
  slotFrom,
  slotOf,
} from './window-slots.ts'

/** So many, the newest ones, are remembered one by one: exact. */
export const MAX_SINGLE = 256
/** Older ones are taken together when they are of the same part of the duration: the old edge of the window is this much of it unsharp. */
const PARTS = 128

export function partMsOf(durationMs: number): number {
  return durationMs / PARTS
}

/** How far back events are that can make a difference to a window: those of the part that its old edge is in. */
export function reachMs(durationMs: number): number {
  return durationMs + partMsOf(durationMs)
}

export type SubjectWindowData = {
  readonly since: number | null
  /** How many slots, at the start, are groups. */
  readonly groups: number
  readonly slots: readonly SlotData[]
}

export const NOTHING: WindowReading = new SlotsReading([])

/**
 * What a window has of one subject. Instants in Unix ms; they do not run backwards.
 *
 * What it holds follows from the events within `reachMs` of the last one alone: when it began to fill, and when
 * it was read, makes no difference.
 */
export class SubjectWindow extends SlotsReading {
  readonly #durationMs: number
  #groups: number
  #since: number | undefined

  constructor(durationMs: number, data?: SubjectWindowData) {
    super((data?.slots ?? []).map(slotFrom))
    this.#durationMs = durationMs
    this.#groups = data?.groups ?? 0
    this.#since = data?.since ?? undefined
  }

  /**
   * @param value of an event that passes the filter, if the window has values.
   * @param keptMs what is older than this is not asked for any more.
   */
  add(at: number, matched: boolean, value: number | undefined, keptMs: number): void {
    this.#forget(this.#firstAfter(Math.max(at - this.#durationMs, keptMs - 1)))
    const slot = slotOf(at, matched, value)
    this.slots.push(slot)
    this.count(slot, 1)
    if (this.slots.length - this.#groups > MAX_SINGLE) this.#group()
  }

  /** Forgets everything; what comes from now on counts. */
  restart(at: number): void {
    this.#forget(this.slots.length)
    this.#since = at
  }

  #forget(count: number): void {
    if (count === 0) return
    for (const slot of this.slots.splice(0, count)) this.count(slot, -1)
    this.#groups = Math.max(0, this.#groups - count)
  }

  /** The oldest single one becomes a part of the newest group, or a group. */
  #group(): void {
    const oldest = this.slots[this.#groups] as Slot
    const group = this.slots[this.#groups - 1]
    const partMs = partMsOf(this.#durationMs)
    if (group && Math.floor(group.last / partMs) === Math.floor(oldest.last / partMs)) {
      merge(group, oldest)
      this.slots.splice(this.#groups, 1)
    } else {
      this.#groups += 1
    }
  }

  #firstAfter(instant: number): number {
    let index = 0
    while (index < this.slots.length && (this.slots[index] as Slot).last <= instant) index += 1
    return index
  }

  /** What it says at an instant. It is good until the next event. */
  read(now: number): WindowReading {
    const first = this.#firstAfter(now - this.#durationMs)
    return first === 0 ? this : new SlotsReading(this.slots.slice(first))
  }

  /** Whether it has restarted within the duration before an instant. */
  hasRestarted(now: number): boolean {
    return this.#since !== undefined && this.#since > now - this.#durationMs
  }

  /** Whether there is nothing in it any more at an instant, nor later. */
  isOver(now: number): boolean {
    return this.last <= now - this.#durationMs
  }

  /** When its last event was. */
  get last(): number {
    return this.slots.at(-1)?.last ?? this.#since ?? Number.NEGATIVE_INFINITY
  }

  get size(): number {
    return this.slots.length
  }

  data(): SubjectWindowData {
    return { since: this.#since ?? null, groups: this.#groups, slots: this.slots.map(slotData) }
  }
}
