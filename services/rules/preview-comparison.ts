import type { RecordedVerdict } from './recorded-verdicts.ts'

/** Positions that are shown of each kind of difference. */
const MAX_EXAMPLES = 20

/** What a rule would have matched beside what it did match. */
export class Comparison {
  readonly #recorded: AsyncIterator<RecordedVerdict>
  #next: RecordedVerdict | undefined
  #started = false
  #both = 0
  readonly #onlyNow = new Examples()
  readonly #onlyThen = new Examples()
  readonly #versions = new Set<number>()

  constructor(recorded: AsyncIterable<RecordedVerdict>) {
    this.#recorded = recorded[Symbol.asyncIterator]()
  }

  /**
   * The next part of the log, up to and with `through`.
   *
   * @param matched positions of what would match, in their order.
   */
  async take(matched: readonly string[], through: bigint): Promise<void> {
    const then = await this.#matchedThrough(through)
    const now = new Set(matched)
    for (const position of matched) {
      if (then.has(position)) this.#both += 1
      else this.#onlyNow.add(position)
    }
    for (const position of then) if (!now.has(position)) this.#onlyThen.add(position)
  }

  async #matchedThrough(through: bigint): Promise<ReadonlySet<string>> {
    const matched = new Set<string>()
    if (!this.#started) await this.#advance()
    while (this.#next !== undefined && this.#next.position <= through) {
      const { position, verdict, version } = this.#next
      this.#versions.add(version)
      if (verdict === 'matched') matched.add(position.toString())
      await this.#advance()
    }
    return matched
  }

  async #advance(): Promise<void> {
    this.#started = true
    const { value, done } = await this.#recorded.next()
    this.#next = done ? undefined : value
  }

  result() {
    return {
      versions: [...this.#versions].toSorted((a, b) => a - b),
      both: this.#both,
      onlyNow: this.#onlyNow.result(),
      onlyThen: this.#onlyThen.result(),
    }
  }

  async close(): Promise<void> {
    await this.#recorded.return?.()
  }
}

class Examples {
  #count = 0
  readonly #positions: string[] = []

  add(position: string): void {
    this.#count += 1
    if (this.#positions.length < MAX_EXAMPLES) this.#positions.push(position)
  }

  result() {
    return { count: this.#count, positions: [...this.#positions] }
  }
}
