/** Lets at most so many pieces of work run at once. */
export class Slots {
  readonly #size: number
  readonly #waiting = new Set<() => void>()
  readonly #running = new Set<Promise<void>>()

  constructor(size: number) {
    this.#size = size
  }

  /** @returns how many are free, as soon as one is; 0 when `signal` aborts first. */
  async free(signal: AbortSignal): Promise<number> {
    while (this.#running.size >= this.#size && !signal.aborted) await this.#change(signal)
    return signal.aborted ? 0 : this.#size - this.#running.size
  }

  /** Starts the work as soon as a slot is free, and does not wait for its end. */
  async run(work: () => Promise<void>): Promise<void> {
    while (this.#running.size >= this.#size) await this.#change()
    const running = work().finally(() => {
      this.#running.delete(running)
      for (const wake of [...this.#waiting]) wake()
    })
    this.#running.add(running)
  }

  /** Resolves when nothing runs any more. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#running)
  }

  async #change(signal?: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      this.#waiting.add(wake)
      signal?.addEventListener('abort', wake)
    })
  }
}
