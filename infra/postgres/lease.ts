import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../../services/ports/logger.ts'

const STANDBY_POLL_MS = 500
const HEARTBEAT_MS = 3_000
/** The server ends the session of a holder that is silent for so long, and the lease is free again. */
const SILENCE_MS = 15_000
const ANSWER_TIMEOUT_MS = 5_000

export type LeaseOptions = {
  /** Its settings are used for a connection of the lease's own. */
  readonly pool: pg.Pool
  /** What is leased, unique in the database. */
  readonly name: string
  readonly signal: AbortSignal
  readonly logger: Logger
}

/**
 * Waits for the lease, then does `work` while holding it: of all processes on this database,
 * mostly one at a time. Not more than mostly, because a holder that stands still loses the lease
 * without noticing; so what it writes must be fenced by something else.
 *
 * The signal given to `work` aborts when the lease is lost or `signal` aborts.
 *
 * @throws what `work` throws, or a connection's error while it waits.
 */
export async function holdLease(
  { pool, name, signal, logger }: LeaseOptions,
  work: (held: AbortSignal) => Promise<void>,
): Promise<void> {
  const client = new pg.Client({ ...pool.options, query_timeout: ANSWER_TIMEOUT_MS })
  const lost = new AbortController()
  const lose = () => lost.abort()
  client.on('error', lose)
  client.on('end', lose)
  signal.addEventListener('abort', lose, { once: true })
  try {
    await client.connect()
    await client.query(`set idle_session_timeout = ${SILENCE_MS}`)
    if (!(await acquire(client, name, lost.signal))) return
    logger.info({ lease: name }, 'lease taken')
    const heart = beat(client, lost)
    await work(lost.signal).finally(() => lost.abort())
    await heart
  } finally {
    signal.removeEventListener('abort', lose)
    await client.end().catch(() => {})
  }
}

/** @returns false when `signal` aborted before the lease was free. */
async function acquire(client: pg.Client, name: string, signal: AbortSignal): Promise<boolean> {
  while (!signal.aborted) {
    const { rows } = await client.query<{ taken: boolean }>(
      'select pg_try_advisory_lock(hashtextextended($1, 0)) as taken',
      [`tidemark lease ${name}`],
    )
    if (rows[0]?.taken === true) return true
    await pause(STANDBY_POLL_MS, signal)
  }
  return false
}

/** Resolves when the lease is given back or lost. */
async function beat(client: pg.Client, lost: AbortController): Promise<void> {
  while (!lost.signal.aborted) {
    await pause(HEARTBEAT_MS, lost.signal)
    if (!lost.signal.aborted) await client.query('select').catch(() => lost.abort())
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {})
}
