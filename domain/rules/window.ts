import type { CompiledExpression } from './condition/condition.ts'
import { evaluate } from './condition/condition.ts'
import type { WindowReading } from './condition/run.ts'
import type { LogClock } from './log-clock.ts'
import { NOTHING, SubjectWindow, type SubjectWindowData } from './subject-window.ts'
import type { WindowSpec } from './window-spec.ts'

/** Of one window, over all subjects, of at most 385 for each: beyond that the subjects that were quiet for longest start from nothing. */
const MAX_SLOTS = 200_000
/** So many are left then. */
const KEPT_SLOTS = 180_000
/** Each event is filtered by every window of its type, whether anybody asks or not. An event whose filter takes more does not pass. */
const MAX_STEPS = 5_000

export type PastEvent = { readonly type: string; readonly data: Readonly<Record<string, unknown>> }

export type CompiledWindow = {
  readonly filter: CompiledExpression | undefined
  readonly value: CompiledExpression | undefined
}

export type WindowData = {
  readonly at: number
  readonly changes: number
  readonly subjects: readonly (readonly [subject: string, data: SubjectWindowData])[]
}

/**
 * The past events that one specification asks for, of every subject. Its own clock is that of its events alone,
 * so that it says the same whether it was there when they came or was filled with them later.
 */
export class Window {
  readonly spec: WindowSpec
  /** Whether it holds what it would hold, had it been there for ever. */
  isFilled: boolean
  readonly #filter: CompiledExpression | undefined
  readonly #value: CompiledExpression | undefined
  /** The one that was quiet for longest first. */
  readonly #subjects = new Map<string, SubjectWindow>()
  #slots = 0
  #epoch = 0
  #at = 0
  /** Since the quietest were last forgotten. */
  #changes = 0

  constructor(spec: WindowSpec, { filter, value }: CompiledWindow, isFilled: boolean) {
    this.spec = spec
    this.#filter = filter
    this.#value = value
    this.isFilled = isFilled
  }

  /** @param clock that stands at the event. */
  apply({ type, data }: PastEvent, subject: string, clock: Pick<LogClock, 'time' | 'epoch'>): void {
    this.#enter(clock.epoch)
    this.#at = Math.max(this.#at, clock.time)
    if (type === this.spec.since) {
      this.#change(subject, (window) => window.restart(this.#at))
      return
    }
    const roots = { it: data }
    const matched = this.#filter === undefined || computed(this.#filter, roots) === true
    const value = matched && this.#value ? Number(computed(this.#value, roots)) : undefined
    // An event without the value that is asked for has nothing to say.
    if (Number.isNaN(value)) return
    this.#change(subject, (window) => window.add(this.#at, matched, value))
  }

  /** What was before a clock was set is over. */
  #enter(epoch: number): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#subjects.clear()
    this.#slots = 0
    this.#at = 0
    this.#changes = 0
  }

  #change(subject: string, change: (window: SubjectWindow) => void): void {
    const window = this.#subjects.get(subject) ?? new SubjectWindow(this.spec.durationMs)
    this.#subjects.delete(subject)
    this.#subjects.set(subject, window)
    const before = window.size
    change(window)
    this.#slots += window.size - before
    this.#changes += 1
    // Looking from the front of a map passes what was deleted there: not at each event.
    if (this.#slots > MAX_SLOTS || this.#changes > this.#subjects.size + 256) this.#forgetQuietest()
  }

  #forgetQuietest(): void {
    const most = this.#slots > MAX_SLOTS ? KEPT_SLOTS : MAX_SLOTS
    this.#changes = 0
    for (const [quietest, each] of this.#subjects) {
      if (this.#slots <= most && !each.isOver(this.#at)) return
      this.#subjects.delete(quietest)
      this.#slots -= each.size
    }
  }

  read(subject: string, { now, epoch }: Pick<LogClock, 'now' | 'epoch'>): WindowReading {
    this.#enter(epoch)
    const window = this.#subjects.get(subject)
    if (window === undefined) return NOTHING
    if (this.spec.since !== undefined && !window.hasRestarted(now)) return NOTHING
    return window.read(now)
  }

  data({ epoch }: Pick<LogClock, 'epoch'>): WindowData {
    this.#enter(epoch)
    const subjects = [...this.#subjects].map(([id, window]) => [id, window.data()] as const)
    return { at: this.#at, changes: this.#changes, subjects }
  }

  restore({ at, changes, subjects }: WindowData, { epoch }: Pick<LogClock, 'epoch'>): void {
    this.#enter(epoch)
    this.#at = at
    this.#changes = changes
    for (const [id, data] of subjects) {
      this.#subjects.set(id, new SubjectWindow(this.spec.durationMs, data))
      this.#slots += data.slots.length
    }
    this.isFilled = true
  }

  /** How many events, or groups of them, are remembered. */
  get size(): number {
    return this.#slots
  }
}

function computed(
  expression: CompiledExpression,
  roots: Readonly<Record<string, unknown>>,
): unknown {
  const outcome = evaluate(expression, { roots, windows: [], steps: MAX_STEPS })
  return 'value' in outcome ? outcome.value : undefined
}
