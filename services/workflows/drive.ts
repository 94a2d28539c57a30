import { setTimeout as delay } from 'node:timers/promises'
import type { Outcome } from '../../domain/workflows/run/commands.ts'
import { type Action, nextActions } from '../../domain/workflows/run/owed.ts'
import type { Surroundings } from '../../domain/workflows/run/program.ts'
import { isOver, isRun, type Run } from '../../domain/workflows/run/state.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { Programs } from './programs.ts'
import { record } from './record.ts'
import { type RunRef, RunSession } from './run-session.ts'

/** How often it is asked what others appended, while something is under way. */
const LOOK_MS = 1_000

export type Perform = (
  session: RunSession,
  action: Action,
  signal: AbortSignal,
) => Promise<Outcome | 'later'>

export type DriveDeps = {
  readonly events: EventStore
  readonly programs: Programs
  /**
   * Does one effect of a run, as often as it is asked to with the same effect once. `later`: somebody
   * tells the run when there is an outcome. What it throws is no outcome: it is tried again.
   */
  readonly perform: Perform
  readonly logger: Logger
  readonly metrics: Pick<Metrics, 'workflowStep'>
  readonly now: () => Date
  readonly random: () => number
}

type UnderWay = { readonly done: Promise<void>; readonly stop: AbortController }

/** Carries out what the run owes until it waits or is over; nothing of it is kept then. */
export class RunDrive {
  readonly #deps: DriveDeps
  readonly #signal: AbortSignal
  #until: AbortSignal
  readonly #underWay = new Map<number, UnderWay>()
  readonly #later = new Set<number>()
  readonly #outcomes: { readonly step: number; readonly outcome: Outcome }[] = []
  #failure: unknown
  #wake: () => void = () => {}
  #asked = false

  constructor(deps: DriveDeps, signal: AbortSignal) {
    this.#deps = deps
    this.#signal = signal
    this.#until = signal
  }

  /** Somebody appended to the run. */
  tell(): void {
    this.#asked = true
    this.#later.clear()
    this.#wake()
  }

  /** Whether somebody told it something that it has not looked at. */
  get isAsked(): boolean {
    return this.#asked
  }

  /**
   * @param lost aborts when another process may have the run.
   * @returns the run when it waits or is over; undefined when there is none.
   * @throws what an effect throws; what is under way has ended then.
   */
  async go(ref: RunRef, lost: AbortSignal): Promise<Run | undefined> {
    this.#until = AbortSignal.any([this.#signal, lost])
    this.#asked = false
    const session = await RunSession.open(this.#deps.events, ref)
    if (!isRun(session.state)) return undefined
    try {
      while (!this.#until.aborted) {
        if (this.#asked) {
          this.#asked = false
          await session.catchUp()
        }
        await this.#record(session)
        await this.#advance(session)
        this.#begin(session)
        if (this.#underWay.size === 0 && this.#outcomes.length === 0 && !this.#asked)
          return session.run
        await this.#rest()
        if (this.#failure !== undefined) throw this.#failure
      }
      return session.run
    } finally {
      for (const { stop } of this.#underWay.values()) stop.abort()
      await Promise.all([...this.#underWay.values()].map(({ done }) => done))
    }
  }

  async #record(session: RunSession): Promise<void> {
    while (this.#outcomes.length > 0) {
      const [next] = this.#outcomes
      if (next === undefined) return
      const surroundings = await this.#surroundings(session)
      await record(session, { type: 'RecordOutcome', ...next, surroundings }, this.#deps.logger)
      this.#outcomes.shift()
    }
  }

  async #advance(session: RunSession): Promise<void> {
    do {
      const surroundings = await this.#surroundings(session)
      if (!(await record(session, { type: 'AdvanceRun', surroundings }, this.#deps.logger))) return
    } while (!this.#until.aborted && !isOver(session.state))
  }

  async #surroundings({ ref, run }: RunSession): Promise<Surroundings> {
    const { programs, now, random } = this.#deps
    const program = await programs.ofRun(ref.tenantId, run, run.version)
    return { program, now: now().toISOString(), random: random() }
  }

  /** Begins what is owed and not under way; ends what nobody waits for any more. */
  #begin(session: RunSession): void {
    const owed = new Map(nextActions(session.state).map((action) => [keyOf(action), action]))
    for (const [key, { stop }] of this.#underWay) if (!owed.has(key)) stop.abort()
    for (const [key, action] of owed) {
      // What is abandoned may just be beginning.
      if (this.#underWay.has(action.step) || this.#underWay.has(key) || this.#later.has(key))
        continue
      if (this.#outcomes.some((each) => each.step === key)) continue
      const stop = new AbortController()
      this.#underWay.set(key, { stop, done: this.#perform(session, action, stop) })
    }
  }

  async #perform(session: RunSession, action: Action, stop: AbortController): Promise<void> {
    const { step } = action
    const startedAt = performance.now()
    try {
      const signal = AbortSignal.any([this.#until, stop.signal])
      const outcome = await this.#deps.perform(session, action, signal)
      if (outcome === 'later' || action.isAbandoned) this.#later.add(keyOf(action))
      else this.#outcomes.push({ step, outcome })
      const seconds = (performance.now() - startedAt) / 1_000
      this.#deps.metrics.workflowStep(action.work.kind, seconds)
    } catch (error) {
      if (!stop.signal.aborted) this.#failure = error
    } finally {
      this.#underWay.delete(keyOf(action))
      this.#wake()
    }
  }

  /** Until something ends, or somebody tells or may have appended. */
  async #rest(): Promise<void> {
    if (this.#asked || this.#outcomes.length > 0 || this.#underWay.size === 0) return
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    const signal = AbortSignal.any([this.#until, woken.signal])
    await delay(LOOK_MS, undefined, { signal }).then(
      () => {
        this.#asked = true
      },
      () => {},
    )
    this.#wake = () => {}
  }
}

/** A step is open or abandoned, and both are told apart. */
function keyOf({ step, isAbandoned }: Action): number {
  return isAbandoned ? -step : step
}
