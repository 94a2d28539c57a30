import { CLOCK_TOLERANCE_MS, type LogClock } from './log-clock.ts'
import { reachMs } from './subject-window.ts'
import { type CompiledWindow, type PastEvent, Window, type WindowData } from './window.ts'
import type { WindowSpec } from './window-spec.ts'

/** All windows of a tenant's rules. Rules that ask for the same one share it. */
export class Windows {
  readonly #compile: (spec: WindowSpec) => CompiledWindow
  readonly #byKey = new Map<string, { readonly window: Window; users: number }>()
  /** Those that are filled. */
  readonly #byType = new Map<string, Set<Window>>()

  constructor(compile: (spec: WindowSpec) => CompiledWindow) {
    this.#compile = compile
  }

  /** @param isFilled that there is nothing before it, so that an empty window is what it has to be. */
  acquire(spec: WindowSpec, isFilled: boolean): Window {
    const known = this.#byKey.get(spec.key)
    if (known !== undefined) {
      known.users += 1
      return known.window
    }
    const window = new Window(spec, this.#compile(spec), isFilled)
    this.#byKey.set(spec.key, { window, users: 1 })
    if (isFilled) this.#follow(window)
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

  /** The window goes on with the log. */
  follow(window: Window): void {
    window.isFilled = true
    this.#follow(window)
  }

  #follow(window: Window): void {
    for (const type of typesOf(window.spec)) {
      const windows = this.#byType.get(type) ?? new Set()
      this.#byType.set(type, windows.add(window))
    }
  }

  data(clock: LogClock): readonly (readonly [key: string, data: WindowData])[] {
    return [...this.#byKey].flatMap(([key, { window }]) =>
      window.isFilled ? [[key, window.data(clock)] as const] : [],
    )
  }

  /** Of the windows that were acquired. */
  restore(data: ReturnType<Windows['data']>, clock: LogClock): void {
    for (const [key, of] of data) {
      const known = this.#byKey.get(key)
      if (known === undefined) continue
      known.window.restore(of, clock)
      this.#follow(known.window)
    }
  }

  /** For metrics: how many windows there are, and how many events or groups of them they remember. */
  sizes(): { readonly windows: number; readonly slots: number } {
    const slots = [...this.#byKey.values()].reduce((sum, { window }) => sum + window.size, 0)
    return { windows: this.#byKey.size, slots }
  }
}

export function typesOf({ type, since }: WindowSpec): readonly string[] {
  return since === undefined || since === type ? [type] : [type, since]
}

/** How long before now the events are, by their own time, that windows are filled with. */
export function pastOf(specs: readonly WindowSpec[]): number {
  const reach = Math.max(0, ...specs.map(({ durationMs }) => reachMs(durationMs)))
  return reach === 0 ? 0 : reach + CLOCK_TOLERANCE_MS
}
