import type pg from 'pg'
import type { RunClaims, RunKey } from '../../services/ports/run-claims.ts'
import { LeaseSession, type LeaseTiming } from '../postgres/lease-session.ts'

const TIMING: LeaseTiming = { standbyMs: 500, heartbeatMs: 3_000, silenceMs: 15_000 }

/** Claims are advisory locks of one session: Postgres takes them back when the process is gone. */
export function createRunClaims(pool: pg.Pool): RunClaims {
  return new Claims(pool)
}

class Claims implements RunClaims {
  readonly #pool: pg.Pool
  readonly #closing = new AbortController()
  #session: Promise<LeaseSession> | undefined
  #heartbeat: NodeJS.Timeout | undefined

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async whileClaimed(run: RunKey, work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    const session = await this.#open()
    const name = `tidemark run ${run.tenantId} ${run.runId}`
    const [row] = await session.query<{ taken: boolean }>(
      'select pg_try_advisory_lock(hashtextextended($1, 0)) as taken',
      [name],
    )
    if (row?.taken !== true) return false
    try {
      await work(session.lost)
      return true
    } finally {
      await session
        .query('select pg_advisory_unlock(hashtextextended($1, 0))', [name])
        .catch(session.lose)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#end()
  }

  /** One session for all claims; another one when it was lost. */
  async #open(): Promise<LeaseSession> {
    const before = this.#session
    if (before !== undefined && (await before.catch(() => undefined))?.isHeld() === true)
      return await before
    if (before !== undefined && before === this.#session) await this.#end()
    this.#session ??= this.#connect()
    return await this.#session
  }

  async #connect(): Promise<LeaseSession> {
    const session = new LeaseSession(this.#pool, this.#closing.signal, TIMING)
    await session.open()
    clearInterval(this.#heartbeat)
    this.#heartbeat = setInterval(() => {
      if (session.isHeld()) session.query('select').catch(session.lose)
    }, TIMING.heartbeatMs).unref()
    return session
  }

  async #end(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    clearInterval(this.#heartbeat)
    await (await session?.catch(() => undefined))?.[Symbol.asyncDispose]()
  }
}
