import type { CompiledExpression } from './condition/condition.ts'
import { evaluate } from './condition/condition.ts'
import type { WindowReading } from './condition/run.ts'
import type { LogClock } from './log-clock.ts'
import { NOTHING, partMsOf, SubjectWindow, type SubjectWindowData } from './subject-window.ts'
import { MAX_ENTRIES, WindowLoad, type WindowLoadData } from './window-load.ts'
import type { WindowSpec } from './window-spec.ts'

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
  readonly load: WindowLoadData
  readonly subjects: readonly (readonly [subject: string, data: SubjectWindowData])[]
}

const TOO_LARGE: WindowReading = {
  fault: `The window is too large: it has more than ${MAX_ENTRIES.toLocaleString('en')} entries of all subjects together.`,
  ...{ total: 0, matched: 0, sum: () => 0, percentile: () => 0 },
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
  #load = new WindowLoad()
  readonly #partMs: number
  #epoch = 0
  #at = 0
  /** Since the quietest were last forgotten. */
  #changes = 0

  constructor(spec: WindowSpec, { filter, value }: CompiledWindow, isFilled: boolean) {
    this.spec = spec
    this.#partMs = partMsOf(spec.durationMs)
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
    this.#change(subject, (window) =>
      window.add(this.#at, matched, value, this.#load.first * this.#partMs),
    )
  }

  /** What was before a clock was set is over. */
  #enter(epoch: number): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#subjects.clear()
    this.#slots = 0
    this.#load = new WindowLoad()
    this.#at = 0
    this.#changes = 0
  }

  #change(subject: string, change: (window: SubjectWindow) => void): void {
    const known = this.#subjects.get(subject)
    const { first } = this.#load
    const oldest = this.#part(this.#at - this.spec.durationMs)
    this.#load.add(this.#part(this.#at), known && this.#part(known.last), oldest)
    if (this.#part(this.#at) >= this.#load.first) {
      const window = known ?? new SubjectWindow(this.spec.durationMs)
      this.#subjects.delete(subject)
      this.#subjects.set(subject, window)
      const before = window.size
      change(window)
      this.#slots += window.size - before
    }
    this.#changes += 1
    // Looking from the front of a map passes what was deleted there: not at each event.
    if (this.#load.first > first || this.#changes > this.#subjects.size + 256)
      this.#forgetQuietest()
  }

  #part(instant: number): number {
    return Math.floor(instant / this.#partMs)
  }

  /** What is over, and what can never be asked for again. */
  #forgetQuietest(): void {
    this.#changes = 0
    for (const [quietest, each] of this.#subjects) {
      if (!each.isOver(this.#at) && this.#part(each.last) >= this.#load.first) return
      this.#subjects.delete(quietest)
      this.#slots -= each.size
    }
  }

  read(subject: string, { now, epoch }: Pick<LogClock, 'now' | 'epoch'>): WindowReading {
    this.#enter(epoch)
    if (this.#load.first * this.#partMs > now - this.spec.durationMs) return TOO_LARGE
    const window = this.#subjects.get(subject)
    if (window === undefined) return NOTHING
    if (this.spec.since !== undefined && !window.hasRestarted(now)) return NOTHING
    return window.read(now)
  }

  data({ epoch }: Pick<LogClock, 'epoch'>): WindowData {
    this.#enter(epoch)
    const subjects = [...this.#subjects].map(([id, window]) => [id, window.data()] as const)
    return { at: this.#at, changes: this.#changes, load: this.#load.data(), subjects }
  }

  restore({ at, changes, load, subjects }: WindowData, { epoch }: Pick<LogClock, 'epoch'>): void {
    this.#enter(epoch)
    this.#at = at
    this.#changes = changes
    this.#load = new WindowLoad(load)
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
