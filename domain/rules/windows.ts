import type { CompiledExpression } from './condition/condition.ts'
import { evaluate } from './condition/condition.ts'
import type { WindowReading } from './condition/run.ts'
import type { LogClock } from './log-clock.ts'
import { SubjectWindow, type SubjectWindowData } from './subject-window.ts'
import type { WindowSpec } from './window-spec.ts'

/** Of one window, over all subjects, of at most 256 for each: beyond that the subject that was quiet for longest starts from nothing. */
const MAX_SLOTS = 200_000

const NOTHING: WindowReading = { total: 0, matched: 0, sum: () => 0, percentile: () => 0 }

type PastEvent = { readonly type: string; readonly data: Readonly<Record<string, unknown>> }

export type WindowData = readonly (readonly [subject: string, data: SubjectWindowData])[]

/** The past events that one specification asks for, of every subject. */
export class Window {
  readonly spec: WindowSpec
  readonly #filter: CompiledExpression | undefined
  readonly #value: CompiledExpression | undefined
  /** The one that was quiet for longest first. */
  readonly #subjects = new Map<string, SubjectWindow>()
  #slots = 0

  constructor(
    spec: WindowSpec,
    compiled: {
      readonly filter: CompiledExpression | undefined
      readonly value: CompiledExpression | undefined
    },
  ) {
    this.spec = spec
    this.#filter = compiled.filter
    this.#value = compiled.value
  }

  apply({ type, data }: PastEvent, subject: string, clock: LogClock): void {
    if (type === this.spec.since) {
      this.#change(subject, clock, (window) => window.restart(clock.now))
      return
    }
    const roots = { it: data }
    const matched = this.#filter === undefined || computed(this.#filter, roots) === true
    const value = matched && this.#value ? Number(computed(this.#value, roots)) : undefined
    // An event without the value that is asked for has nothing to say.
    if (Number.isNaN(value)) return
    this.#change(subject, clock, (window) => window.add(clock.now, matched, value))
    if (this.#slots > MAX_SLOTS) this.#forgetQuietest()
  }

  #change(subject: string, clock: LogClock, change: (window: SubjectWindow) => void): void {
    const window = this.#of(subject, clock)
    const before = window.slots
    change(window)
    this.#slots += window.slots - before
  }

  #of(subject: string, clock: LogClock): SubjectWindow {
    const window =
      this.#subjects.get(subject) ?? new SubjectWindow(this.spec.durationMs, clock.epoch)
    this.#subjects.delete(subject)
    this.#subjects.set(subject, window)
    this.#expire(window, clock)
    return window
  }

  #expire(window: SubjectWindow, clock: LogClock): void {
    const before = window.slots
    window.expire(clock.now, clock.epoch)
    this.#slots += window.slots - before
  }

  #forgetQuietest(): void {
    for (const [subject, window] of this.#subjects) {
      if (this.#slots <= MAX_SLOTS) return
      this.#subjects.delete(subject)
      this.#slots -= window.slots
    }
  }

  read(subject: string, clock: LogClock): WindowReading {
    const window = this.#subjects.get(subject)
    if (window === undefined) return NOTHING
    this.#expire(window, clock)
    return this.spec.since !== undefined && !window.restarted ? NOTHING : window
  }

  data(clock: LogClock): WindowData {
    for (const window of this.#subjects.values()) this.#expire(window, clock)
    return [...this.#subjects]
      .filter(([, window]) => !window.isEmpty)
      .map(([subject, window]) => [subject, window.data()])
  }

  restore(data: WindowData, clock: LogClock): void {
    for (const [subject, of] of data) {
      const window = new SubjectWindow(this.spec.durationMs, clock.epoch, of)
      this.#subjects.set(subject, window)
      this.#slots += window.slots
    }
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
  const outcome = evaluate(expression, { roots, windows: [] })
  return 'value' in outcome ? outcome.value : undefined
}

/** All windows of a tenant's rules. Rules that ask for the same one share it. */
export class Windows {
  readonly #compile: (spec: WindowSpec) => ConstructorParameters<typeof Window>[1]
  readonly #byKey = new Map<string, { readonly window: Window; users: number }>()
  readonly #byType = new Map<string, Set<Window>>()

  constructor(compile: (spec: WindowSpec) => ConstructorParameters<typeof Window>[1]) {
    this.#compile = compile
  }

  /** It begins to fill now, unless another rule has it already. */
  acquire(spec: WindowSpec): Window {
    const known = this.#byKey.get(spec.key)
    if (known !== undefined) {
      known.users += 1
      return known.window
    }
    const window = new Window(spec, this.#compile(spec))
    this.#byKey.set(spec.key, { window, users: 1 })
    for (const type of typesOf(spec)) {
      const windows = this.#byType.get(type) ?? new Set()
      this.#byType.set(type, windows.add(window))
    }
    return window
  }

  /** What nobody uses any more is forgotten. */
  release({ key }: WindowSpec): void {
    const known = this.#byKey.get(key)
    if (known === undefined) return
    known.users -= 1
    if (known.users > 0) return
    this.#byKey.delete(key)
    for (const type of typesOf(known.window.spec)) this.#byType.get(type)?.delete(known.window)
  }

  apply(event: PastEvent, subject: string, clock: LogClock): void {
    for (const window of this.#byType.get(event.type) ?? []) window.apply(event, subject, clock)
  }

  data(clock: LogClock): readonly (readonly [key: string, data: WindowData])[] {
    return [...this.#byKey].map(([key, { window }]) => [key, window.data(clock)])
  }

  /** Of the windows that were acquired. */
  restore(data: ReturnType<Windows['data']>, clock: LogClock): void {
    for (const [key, of] of data) this.#byKey.get(key)?.window.restore(of, clock)
  }

  /** For metrics: how many windows there are, and how many events or groups of them they remember. */
  sizes(): { readonly windows: number; readonly slots: number } {
    const slots = [...this.#byKey.values()].reduce((sum, { window }) => sum + window.size, 0)
    return { windows: this.#byKey.size, slots }
  }
}

function typesOf({ type, since }: WindowSpec): readonly string[] {
  return since === undefined || since === type ? [type] : [type, since]
}
