import { setTimeout as delay } from 'node:timers/promises'
import { backoff } from '../../domain/kernel/backoff.ts'
import type { Child, ChildEnd } from './child.ts'

const MIN_BACKOFF_MS = 200
const MAX_BACKOFF_MS = 10_000
/** A child that ran this long has recovered from what ended it. */
const RECOVERED_MS = 30_000
/** What Tidemark ends with when its configuration is wrong: it would end so again. */
const REFUSED = 2

export type RestartedChildOptions = {
  readonly name: string
  readonly start: () => Child
  readonly say: (line: string) => void
  /** It will not start, whatever is tried. */
  readonly onRefused: (lastWords: string) => void
}

/** A server that is started again whenever it ends, until it is stopped. */
export class RestartedChild {
  readonly #options: RestartedChildOptions
  readonly #stopping = new AbortController()
  readonly #ended: Promise<void>
  #child: Child

  constructor(options: RestartedChildOptions) {
    this.#options = options
    this.#child = options.start()
    this.#ended = this.#keepRunning()
  }

  lastWords(): string {
    return this.#child.lastWords()
  }

  async stop(patienceMs?: number): Promise<void> {
    this.#stopping.abort()
    await this.#child.stop(patienceMs)
    await this.#ended
  }

  kill(signal: NodeJS.Signals): void {
    this.#stopping.abort()
    this.#child.kill(signal)
  }

  async #keepRunning(): Promise<void> {
    const { name, start, say, onRefused } = this.#options
    const { signal } = this.#stopping
    for (let failures = 0; ; failures++) {
      const startedAt = performance.now()
      const end = await this.#child.exited
      if (signal.aborted) return
      if (end.code === REFUSED) return onRefused(this.lastWords())
      if (performance.now() - startedAt > RECOVERED_MS) failures = 0
      const waitMs = backoff(failures, MIN_BACKOFF_MS, MAX_BACKOFF_MS)
      say(`${name} ended by itself (${how(end)}); it is started again in ${waitMs} ms.`)
      await delay(waitMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      this.#child = start()
    }
  }
}

export function how({ code, signal }: ChildEnd): string {
  return signal === null ? `exit code ${code}` : signal
}
