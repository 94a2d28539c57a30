import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { backoff } from '../../domain/kernel/backoff.ts'
import type { HealthResult } from '../kernel/health-routes.ts'
import type { Logger } from '../ports/logger.ts'

const MIN_BACKOFF_MS = 100
const MAX_BACKOFF_MS = 10_000
/** A part that ran this long has recovered from what stopped it. */
const RECOVERED_MS = 30_000

/** Runs until the signal aborts; resolves when it has stopped. */
export type Part = (signal: AbortSignal) => Promise<void>

type State = { failures: number; startedAt: number; waiting: boolean }

/** The parts of the process that nobody calls: kept running, whatever ends them. */
export class Background {
  readonly #logger: Logger
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>[] = []
  readonly #states = new Map<string, State>()

  constructor(logger: Logger) {
    this.#logger = logger
    // Each part listens, some more than once; Node takes more than ten for a leak.
    setMaxListeners(0, this.#stopping.signal)
  }

  start(name: string, part: Part): void {
    this.#running.push(this.#keepRunning(name, part))
  }

  /** Not ok while a part waits to be started again: it cannot do its work. */
  health(): HealthResult {
    const down = [...this.#states].filter(([, { waiting }]) => waiting).map(([name]) => name)
    return down.length === 0
      ? { ok: true, detail: [...this.#states.keys()].join(', ') }
      : { ok: false, detail: `restarting: ${down.join(', ')}` }
  }

  /** Resolves when every part has stopped. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await Promise.all(this.#running)
  }

  async #keepRunning(name: string, part: Part): Promise<void> {
    const { signal } = this.#stopping
    const state: State = { failures: 0, startedAt: 0, waiting: false }
    this.#states.set(name, state)
    while (!signal.aborted) {
      state.startedAt = performance.now()
      await this.#run(name, part)
      if (signal.aborted) return
      if (performance.now() - state.startedAt > RECOVERED_MS) state.failures = 0
      state.failures += 1
      state.waiting = true
      await delay(backoff(state.failures, MIN_BACKOFF_MS, MAX_BACKOFF_MS), undefined, {
        signal,
      }).catch(() => {})
      state.waiting = false
    }
  }

  async #run(name: string, part: Part): Promise<void> {
    try {
      await part(this.#stopping.signal)
      if (!this.#stopping.signal.aborted) this.#logger.warn({ part: name }, 'Part ended by itself.')
    } catch (error) {
      if (!this.#stopping.signal.aborted)
        this.#logger.error({ part: name, err: error }, 'Part failed; it is started again.')
    }
  }
}
