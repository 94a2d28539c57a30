import type pg from 'pg'
import type { RunClaims, RunKey } from '../../services/ports/run-claims.ts'
import { LEASE_TIMING, LeaseSession } from '../postgres/lease-session.ts'

/** Claims are advisory locks of one session: Postgres takes them back when the process is gone. */
export function createRunClaims(pool: pg.Pool): RunClaims {
  return new Claims(pool)
}

class Claims implements RunClaims {
  readonly #pool: pg.Pool
  readonly #closing = new AbortController()
  #asker: Promise<Asker> | undefined
  #heartbeat: NodeJS.Timeout | undefined

  constructor(pool: pg.Pool) {
    this.#pool = pool
  }

  async whileClaimed(run: RunKey, work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    const asker = await this.#open()
    const name = `tidemark run ${run.tenantId} ${run.runId}`
    if (!(await asker.ask(name, 'take'))) return false
    try {
      await work(asker.session.lost)
      return true
    } finally {
      await asker.ask(name, 'give back').catch(asker.session.lose)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    await this.#end()
  }

  /** One session for all claims; another one when it was lost. */
  async #open(): Promise<Asker> {
    const before = this.#asker
    const asker = await before?.catch(() => undefined)
    if (asker?.session.isHeld() === true) return asker
    if (before !== undefined && before === this.#asker) await this.#end()
    this.#asker ??= this.#connect()
    return await this.#asker
  }

  async #connect(): Promise<Asker> {
    const session = new LeaseSession(this.#pool, this.#closing.signal, LEASE_TIMING)
    await session.open()
    const asker = new Asker(session)
    clearInterval(this.#heartbeat)
    this.#heartbeat = setInterval(() => {
      if (session.isHeld()) asker.flush()
    }, LEASE_TIMING.heartbeatMs).unref()
    return asker
  }

  async #end(): Promise<void> {
    const asker = this.#asker
    this.#asker = undefined
    clearInterval(this.#heartbeat)
    await (await asker?.catch(() => undefined))?.session[Symbol.asyncDispose]()
  }
}

type Question = {
  readonly name: string
  readonly isTake: boolean
  readonly settle: (done: boolean) => void
  readonly fail: (error: unknown) => void
}

/** One query at a time; what is asked meanwhile goes into the next one. */
class Asker {
  readonly session: LeaseSession
  #questions: Question[] = []
  #asking = false

  constructor(session: LeaseSession) {
    this.session = session
  }

  /** @returns whether it was done. */
  ask(name: string, what: 'take' | 'give back'): Promise<boolean> {
    return new Promise((settle, fail) => {
      this.#questions.push({ name, isTake: what === 'take', settle, fail })
      this.flush()
    })
  }

  /** Also without a question: a sign of life. */
  flush(): void {
    if (this.#asking) return
    this.#asking = true
    void this.#askAll().finally(() => {
      this.#asking = false
    })
  }

  async #askAll(): Promise<void> {
    do {
      const questions = this.#questions
      this.#questions = []
      try {
        const rows = await this.session.query<{ done: boolean }>(
          `select case when take then pg_try_advisory_lock(hashtextextended(name, 0))
             else pg_advisory_unlock(hashtextextended(name, 0)) end as done
           from unnest($1::text[], $2::boolean[]) as asked (name, take)`,
          [questions.map(({ name }) => name), questions.map(({ isTake }) => isTake)],
        )
        for (const [index, { settle }] of questions.entries()) settle(rows[index]?.done === true)
      } catch (error) {
        this.session.lose()
        for (const { fail } of questions) fail(error)
      }
    } while (this.#questions.length > 0)
  }
}
