import pg from 'pg'

const ANSWER_TIMEOUT_MS = 5_000

export type LeaseTiming = {
  /** How often who stands by looks whether a lease is free. */
  readonly standbyMs: number
  readonly heartbeatMs: number
  /** The server ends a session that is silent for so long, and its leases are free again. */
  readonly silenceMs: number
}

/** Of leases, unless a test is in a hurry. */
export const LEASE_TIMING: LeaseTiming = {
  standbyMs: 500,
  heartbeatMs: 3_000,
  silenceMs: 15_000,
}

/** The session that holds leases: they last as long as it does. */
export class LeaseSession implements AsyncDisposable {
  readonly #client: pg.Client
  readonly #asked: AbortSignal
  readonly #timing: LeaseTiming
  readonly #losing = new AbortController()
  #heardAt = performance.now()

  /** @param signal aborts when the leases are not wanted any more. */
  constructor({ options }: pg.Pool, signal: AbortSignal, timing: LeaseTiming) {
    this.#client = new pg.Client({ ...options, query_timeout: ANSWER_TIMEOUT_MS })
    this.#client.on('error', this.lose)
    this.#client.on('end', this.lose)
    this.#timing = timing
    this.#asked = signal
    if (signal.aborted) this.lose()
    signal.addEventListener('abort', this.lose, { once: true })
  }

  /** Aborts when it has ended, as far as this process knows, or is not wanted any more. */
  get lost(): AbortSignal {
    return this.#losing.signal
  }

  readonly lose = (): void => this.#losing.abort()

  async open(): Promise<void> {
    await this.#client.connect()
    await this.query(`set idle_session_timeout = ${this.#timing.silenceMs}`)
  }

  /** Also a sign of life. */
  async query<Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    const askedAt = performance.now()
    const { rows } = await this.#client.query<Row>(text, [...values])
    this.#heardAt = askedAt
    return rows
  }

  /** Whether the server cannot have ended it yet, which this process may not have heard of. */
  isHeld(): boolean {
    // Counted from before the question, so that here it is over no later than there.
    if (performance.now() - this.#heardAt >= this.#timing.silenceMs) this.lose()
    return !this.lost.aborted
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#asked.removeEventListener('abort', this.lose)
    await this.#client.end().catch(() => {})
  }
}
