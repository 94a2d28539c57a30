import { setTimeout as delay } from 'node:timers/promises'
import type pg from 'pg'
import type { HoldLease } from '../../services/ports/lease.ts'
import type { Logger } from '../../services/ports/logger.ts'
import { type Fence, raiseFences } from './fence.ts'
import { LEASE_TIMING, LeaseSession, type LeaseTiming } from './lease-session.ts'

type Options = {
  /** Its settings are used for a connection of the leases' own. */
  readonly pool: pg.Pool
  readonly signal: AbortSignal
  readonly logger: Logger
  readonly timing?: LeaseTiming
}

/** What is leased, unique in the database. */
export type LeaseOptions = Options & { readonly name: string }
export type LeasesOptions = Options & { readonly names: readonly string[] }

export type Held = {
  /** Aborts when the lease is lost, as far as this process knows, or not wanted any more. */
  readonly signal: AbortSignal
  /**
   * False as soon as somebody else may hold it, also in a process that stood still and has not
   * been told yet. For what is written elsewhere, which no fence reaches: the answer can be out
   * of date when the write arrives.
   */
  readonly isHeld: () => boolean
}

/** By the leases' names. */
export type Fences = ReadonlyMap<string, Fence>

/**
 * Waits for the lease, then does `work` while holding it: of all processes on this database,
 * mostly one at a time. Not more than mostly, because a holder that stands still loses the lease
 * without noticing; so what it writes must carry the fence, or be fenced by something else.
 *
 * @throws what `work` throws, or a connection's error while it waits.
 */
export async function holdLease(
  { name, ...options }: LeaseOptions,
  work: (held: Held, fences: Fences) => Promise<void>,
): Promise<void> {
  await holdLeases({ ...options, names: [name] }, work)
}

/** For work that is fenced by what it writes, and so needs no more of the lease than its end. */
export function leaseHolder(options: Omit<LeaseOptions, 'signal'>): HoldLease {
  return (signal, work) => holdLease({ ...options, signal }, (held) => work(held.signal))
}

/**
 * The same for several leases, of which processes may hold different ones: does `work` with those
 * that it got, and while it works tries for the others. When it gets one more, the signal given to
 * `work` aborts, and once that has ended, `work` is done again with all of them.
 */
export async function holdLeases(
  { pool, names, signal, logger, timing = LEASE_TIMING }: LeasesOptions,
  work: (held: Held, fences: Fences) => Promise<void>,
): Promise<void> {
  await using session = new LeaseSession(pool, signal, timing)
  const fences = new Map<string, Fence>()
  const wanted = { session, names, fences, timing }
  await session.open()
  let more = await acquireMore(wanted, session.lost)
  while (more && session.isHeld()) {
    const tokens = [...fences.values()].map(({ lease, token }) => `${lease}: ${token}`)
    logger.info({ leases: tokens }, 'leases taken')
    const turn = new AbortController()
    const during = AbortSignal.any([session.lost, turn.signal])
    const waiting = waitForMore(wanted, during).catch(() => {
      session.lose()
      return false
    })
    void waiting.then(() => turn.abort())
    const held = { signal: during, isHeld: () => session.isHeld() && !during.aborted }
    await work(held, new Map(fences)).finally(() => turn.abort())
    more = await waiting
  }
}

type Wanted = {
  readonly session: LeaseSession
  readonly names: readonly string[]
  /** Of those that it has. */
  readonly fences: Map<string, Fence>
  readonly timing: LeaseTiming
}

/** Until it got one more, and keeps the session from falling silent. @returns false when `signal` aborted first. */
async function waitForMore(wanted: Wanted, signal: AbortSignal): Promise<boolean> {
  const { session, names, fences, timing } = wanted
  if (fences.size < names.length) return acquireMore(wanted, signal)
  while (!signal.aborted) {
    await pause(timing.heartbeatMs, signal)
    if (!signal.aborted) await session.query('select')
  }
  return false
}

async function acquireMore(
  { session, names, fences, timing }: Wanted,
  signal: AbortSignal,
): Promise<boolean> {
  while (!signal.aborted) {
    const rows = await session.query<{ name: string; taken: boolean }>(
      `select name, pg_try_advisory_lock(hashtextextended('tidemark lease ' || name, 0)) as taken
       from unnest($1::text[]) as wanted (name)`,
      [names.filter((name) => !fences.has(name))],
    )
    const taken = rows.filter((row) => row.taken).map(({ name }) => name)
    for (const fence of await raiseFences(session, taken)) fences.set(fence.lease, fence)
    if (taken.length > 0) return true
    await pause(timing.standbyMs, signal)
  }
  return false
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {})
}
