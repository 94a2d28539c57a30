import { CallFault } from '../calls/call.ts'
import type { Token } from './token-request.ts'

const MAX_TOKENS = 1_000
/** A token that is used for the last time has to arrive while it is valid. */
const MARGIN_MS = 60_000
const MARGIN_SHARE = 0.1

type Held = { readonly value: string; readonly until: number }

/** Tokens in memory, by what they were asked for with, until shortly before they end. */
export class Tokens {
  readonly #now: () => Date
  readonly #held = new Map<string, Held>()
  readonly #asked = new Map<string, Promise<Held>>()

  constructor(now: () => Date) {
    this.#now = now
  }

  /** Of callers who want the same at the same time one asks; what it is refused, all of them are. */
  async get(
    key: string,
    ask: () => Promise<Token>,
  ): Promise<{ readonly value: string; readonly isNew: boolean }> {
    for (;;) {
      const held = this.#held.get(key)
      if (held !== undefined && this.#now().getTime() < held.until)
        return { value: held.value, isNew: false }
      const asked = this.#asked.get(key)
      if (asked === undefined) return { value: (await this.#ask(key, ask)).value, isNew: true }
      try {
        return { value: (await asked).value, isNew: true }
      } catch (error) {
        // Whoever asked may have been stopped; that is no answer for anybody else.
        if (error instanceof CallFault) throw error
      }
    }
  }

  /** A token that was refused; one that came after it stays. */
  forget(key: string, value: string): void {
    if (this.#held.get(key)?.value === value) this.#held.delete(key)
  }

  async #ask(key: string, ask: () => Promise<Token>): Promise<Held> {
    const asked = ask().then(({ value, lifetimeMs }) => {
      const margin = Math.min(MARGIN_MS, lifetimeMs * MARGIN_SHARE)
      return { value, until: this.#now().getTime() + lifetimeMs - margin }
    })
    this.#asked.set(key, asked)
    try {
      const held = await asked
      this.#keep(key, held)
      return held
    } finally {
      this.#asked.delete(key)
    }
  }

  #keep(key: string, held: Held): void {
    const now = this.#now().getTime()
    for (const [each, { until }] of this.#held) if (until <= now) this.#held.delete(each)
    const [oldest = key] = this.#held.keys()
    if (this.#held.size >= MAX_TOKENS) this.#held.delete(oldest)
    this.#held.set(key, held)
  }
}
