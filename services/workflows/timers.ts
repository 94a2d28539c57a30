import { setTimeout as delay } from 'node:timers/promises'
import { ProblemError } from '../kernel/problem.ts'
import { UnreadableEventError } from '../kernel/readable.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { RunWaits, TimerRow } from '../ports/run-waits.ts'
import { record } from './record.ts'
import { type RunRef, RunSession } from './run-session.ts'

const PAGE = 500
const AT_ONCE = 16
const MAX_REST_MS = 5_000
/** Of timers whose run cannot be read. */
const POSTPONED_MS = 60_000

export type TimerDeps = {
  readonly events: EventStore
  readonly waits: RunWaits
  readonly logger: Logger
  readonly metrics: Pick<Metrics, 'workflowTimerFired'>
  readonly now: () => Date
  /** A clock that is set forward is noticed after this time; 5 s by default. */
  readonly maxRestMs?: number
}

/** Records in the runs that the time has come which they wait for; sleeps until the next one. */
export class Timers {
  readonly #deps: TimerDeps
  #wake: () => void = () => {}

  constructor(deps: TimerDeps) {
    this.#deps = deps
  }

  /** There may be one that is due earlier than those before. */
  tellNews(): void {
    this.#wake()
  }

  async run(signal: AbortSignal): Promise<void> {
    const { waits, now } = this.#deps
    while (!signal.aborted) {
      const woken = new AbortController()
      this.#wake = () => woken.abort()
      const at = now()
      const due = await waits.due(at, PAGE)
      if (due.length > 0) await this.#fire(due, at, signal)
      else await this.#rest(at, AbortSignal.any([signal, woken.signal]))
    }
  }

  async #rest(at: Date, signal: AbortSignal): Promise<void> {
    const { waits, maxRestMs = MAX_REST_MS } = this.#deps
    const next = await waits.nextDue()
    const ms = next === undefined ? maxRestMs : next.getTime() - at.getTime()
    await delay(Math.min(maxRestMs, Math.max(1, ms)), undefined, { signal }).catch(() => {})
  }

  async #fire(due: readonly TimerRow[], at: Date, signal: AbortSignal): Promise<void> {
    const runs = byRun(due)
    const work = async () => {
      for (let next = runs.pop(); next !== undefined; next = runs.pop()) {
        if (signal.aborted) return
        await this.#fireIn(next, at)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
  }

  async #fireIn(timers: readonly TimerRow[], at: Date): Promise<void> {
    const [first] = timers
    if (first === undefined) return
    if (!(await this.#tell(first, at))) {
      await this.#deps.waits.postponed(timers, new Date(at.getTime() + POSTPONED_MS))
      return
    }
    await this.#deps.waits.fired(timers)
    for (const { dueAt } of timers)
      this.#deps.metrics.workflowTimerFired(Math.max(0, at.getTime() - dueAt.getTime()) / 1_000)
  }

  /** @returns false when the run cannot be read: the others, perhaps of other tenants, do not wait for it. */
  async #tell(ref: RunRef, at: Date): Promise<boolean> {
    const { events, logger } = this.#deps
    try {
      const session = await RunSession.open(events, ref)
      // A run that is not there any more, or never was, waits for nothing.
      if (session.state.status === 'absent') return true
      const { runId } = ref
      await record(session, { type: 'FireTimers', runId, now: at.toISOString() }, logger)
      return true
    } catch (error) {
      if (!(error instanceof ProblemError || error instanceof UnreadableEventError)) throw error
      const { tenantId, runId } = ref
      logger.warn({ tenantId, runId, err: error }, 'a run could not be told the time')
      return false
    }
  }
}

function byRun(timers: readonly TimerRow[]): (readonly TimerRow[])[] {
  const runs = new Map<string, TimerRow[]>()
  for (const timer of timers) {
    const key = `${timer.tenantId}.${timer.runId}`
    runs.set(key, [...(runs.get(key) ?? []), timer])
  }
  return [...runs.values()]
}
