const WINDOW_MS = 1_000

/** Counts over a second at a time. */
export class Rate {
  readonly #maxPerSecond: number
  #windowStart = performance.now()
  #amount = 0

  constructor(maxPerSecond: number) {
    this.#maxPerSecond = maxPerSecond
  }

  /** Counts, and says whether it is too much for this second. */
  exceededBy(amount: number): boolean {
    const now = performance.now()
    if (now - this.#windowStart >= WINDOW_MS) {
      this.#windowStart = now
      this.#amount = 0
    }
    this.#amount += amount
    return this.#amount > this.#maxPerSecond
  }
}
