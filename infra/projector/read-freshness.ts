import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Position } from '../../services/ports/event-store.ts'
import type { ReadFreshness } from '../../services/ports/read-freshness.ts'
import { PROGRESS_CHANNEL } from './checkpoints.ts'
import { LIVE_SCHEMA } from './live-schema.ts'

/** How often the checkpoints are looked at when nothing was heard. */
const POLL_MS = 250
const RECONNECT_MS = 500

export type ReadFreshnessDeps = {
  /** For looking; its settings are used for a connection of our own that listens. */
  readonly pool: pg.Pool
  /** By default the live one. */
  readonly schema?: string
}

/** Listens from the first wait on. */
export function createReadFreshness({
  pool,
  schema = LIVE_SCHEMA,
}: ReadFreshnessDeps): ReadFreshness & AsyncDisposable {
  return new PostgresReadFreshness(pool, schema)
}

class PostgresReadFreshness implements ReadFreshness, AsyncDisposable {
  readonly #pool: pg.Pool
  readonly #query: string
  readonly #stop = new AbortController()
  readonly #waiting = new Set<() => void>()
  #listening: Promise<void> | undefined
  #looking: Promise<Position> | undefined
  #heardSince = false

  constructor(pool: pg.Pool, schema: string) {
    this.#pool = pool
    const table = `${pg.escapeIdentifier(schema)}.checkpoints`
    this.#query = `select coalesce(min(position), 0)::text as position from ${table}`
  }

  /** Callers at the same time share one look, unless something was heard after it began. */
  async reached(): Promise<Position> {
    if (this.#looking !== undefined && !this.#heardSince) return await this.#looking
    this.#heardSince = false
    const looking = this.#look().finally(() => {
      if (this.#looking === looking) this.#looking = undefined
    })
    this.#looking = looking
    return await looking
  }

  async waitFor(position: Position, timeoutMs: number): Promise<boolean> {
    this.#listening ??= this.#listenForEver()
    const deadline = Date.now() + timeoutMs
    for (;;) {
      // Registered before looking, so that progress in between is not missed.
      const progress = this.#progress()
      try {
        if ((await this.reached()) >= position) return true
        const left = deadline - Date.now()
        if (left <= 0 || this.#stop.signal.aborted) return false
        await progress.orAfter(Math.min(left, POLL_MS))
      } finally {
        progress.forget()
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    this.#wakeAll()
    await this.#listening
  }

  async #look(): Promise<Position> {
    const { rows } = await this.#pool.query<{ position: string }>(this.#query)
    return BigInt(rows[0]?.position ?? 0)
  }

  #progress() {
    let wake = () => {}
    const told = new Promise<void>((resolve) => {
      wake = resolve
    })
    this.#waiting.add(wake)
    return {
      forget: () => this.#waiting.delete(wake),
      async orAfter(ms: number) {
        const timer = setTimeout(wake, ms)
        await told
        clearTimeout(timer)
      },
    }
  }

  #wakeAll(): void {
    this.#heardSince = true
    for (const wake of [...this.#waiting]) wake()
  }

  /** A lost connection only makes waiting coarser: the checkpoints are looked at by the clock. */
  async #listenForEver(): Promise<void> {
    const { signal } = this.#stop
    while (!signal.aborted) {
      await this.#listen(signal).catch(() => {})
      await delay(RECONNECT_MS, undefined, { signal }).catch(() => {})
    }
  }

  async #listen(signal: AbortSignal): Promise<void> {
    const client = new pg.Client(this.#pool.options)
    const ended = new Promise<void>((resolve) => {
      client.on('error', () => resolve())
      client.on('end', resolve)
      signal.addEventListener('abort', () => resolve(), { once: true })
    })
    client.on('notification', () => this.#wakeAll())
    try {
      await client.connect()
      await client.query(`listen ${PROGRESS_CHANNEL}`)
      this.#wakeAll()
      await ended
    } finally {
      client.end().catch(() => {})
    }
  }
}
