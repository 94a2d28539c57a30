import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import type { Logger } from '../../services/ports/logger.ts'

const STANDBY_POLL_MS = 500
const HEARTBEAT_MS = 3_000
/** The server ends the session of a holder that is silent for so long, and the lease is free again. */
const SILENCE_MS = 15_000
const ANSWER_TIMEOUT_MS = 5_000

type Held = {
  /** Its settings are used for a connection of the leases' own. */
  readonly pool: pg.Pool
  readonly signal: AbortSignal
  readonly logger: Logger
}

/** What is leased, unique in the database. */
export type LeaseOptions = Held & { readonly name: string }
export type LeasesOptions = Held & { readonly names: readonly string[] }

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
  { name, ...options }: LeaseOptions,
  work: (held: AbortSignal) => Promise<void>,
): Promise<void> {
  await holdLeases({ ...options, names: [name] }, (_held, signal) => work(signal))
}

/**
 * The same for several leases, of which processes may hold different ones: does `work` with those
 * that it got, and while it works tries for the others. When it gets one more, the signal given to
 * `work` aborts, and once that has ended, `work` is done again with all of them.
 */
export async function holdLeases(
  { pool, names, signal, logger }: LeasesOptions,
  work: (held: ReadonlySet<string>, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const client = new pg.Client({ ...pool.options, query_timeout: ANSWER_TIMEOUT_MS })
  const lost = new AbortController()
  const lose = () => lost.abort()
  client.on('error', lose)
  client.on('end', lose)
  signal.addEventListener('abort', lose, { once: true })
  const held = new Set<string>()
  try {
    await client.connect()
    await client.query(`set idle_session_timeout = ${SILENCE_MS}`)
    let more = await acquireMore(client, names, held, lost.signal)
    while (more && !lost.signal.aborted) {
      logger.info({ leases: [...held] }, 'leases taken')
      const turn = new AbortController()
      const during = AbortSignal.any([lost.signal, turn.signal])
      const waiting = waitForMore(client, names, held, during).catch(() => {
        lose()
        return false
      })
      void waiting.then(() => turn.abort())
      await work(new Set(held), during).finally(() => turn.abort())
      more = await waiting
    }
  } finally {
    signal.removeEventListener('abort', lose)
    await client.end().catch(() => {})
  }
}

/** Until it got one more, and keeps the session from falling silent. @returns false when `signal` aborted first. */
async function waitForMore(
  client: pg.Client,
  names: readonly string[],
  held: Set<string>,
  signal: AbortSignal,
): Promise<boolean> {
  if (held.size < names.length) return acquireMore(client, names, held, signal)
  while (!signal.aborted) {
    await pause(HEARTBEAT_MS, signal)
    if (!signal.aborted) await client.query('select')
  }
  return false
}

async function acquireMore(
  client: pg.Client,
  names: readonly string[],
  held: Set<string>,
  signal: AbortSignal,
): Promise<boolean> {
  while (!signal.aborted) {
    const missing = names.filter((name) => !held.has(name))
    const { rows } = await client.query<{ name: string; taken: boolean }>(
      `select name, pg_try_advisory_lock(hashtextextended('tidemark lease ' || name, 0)) as taken
       from unnest($1::text[]) as wanted (name)`,
      [missing],
    )
    const taken = rows.filter(({ taken }) => taken)
    for (const { name } of taken) held.add(name)
    if (taken.length > 0) return true
    await pause(STANDBY_POLL_MS, signal)
  }
  return false
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {})
}
