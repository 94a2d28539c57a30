import { loggedType } from '../custom/events.ts'
import type { LogClock } from './log-clock.ts'
import type { RuleEvent } from './rule-event.ts'
import { subjectOf } from './subject.ts'
import { reachMs } from './subject-window.ts'
import type { Window } from './window.ts'
import { typesOf } from './windows.ts'

/**
 * What a rule's windows hold follows from the log, and not from when the rule was made: before it is asked for
 * the first time its windows are filled with what happened up to then. A filling that breaks off leaves an
 * engine that is of no use.
 */
export class Filling {
  /** As the log names them. */
  readonly types: readonly string[]
  /** Nothing is needed up to this position. */
  readonly after: bigint
  readonly #byType = new Map<string, Window[]>()
  readonly #epoch: number
  readonly #end: () => void

  constructor(windows: ReadonlySet<Window>, clock: LogClock, end: () => void) {
    this.#epoch = clock.epoch
    this.#end = end
    const reach = Math.max(0, ...[...windows].map(({ spec }) => reachMs(spec.durationMs)))
    this.after = clock.marks.before(clock.now - reach)?.position ?? clock.began - 1n
    for (const window of windows)
      for (const type of typesOf(window.spec))
        this.#byType.set(type, [...(this.#byType.get(type) ?? []), window])
    this.types = [...new Set([...this.#byType.keys()].map(loggedType))]
  }

  /** The next event of the tenant's log. */
  take(event: RuleEvent): void {
    const windows = this.#byType.get(event.type)
    const subject = windows && subjectOf(event)
    if (subject === undefined) return
    const clock = { time: Date.parse(event.time), epoch: this.#epoch }
    for (const window of windows ?? []) window.apply(event, subject.id, clock)
  }

  /** The windows have everything now, and go on with the log. */
  end(): void {
    this.#end()
  }
}
