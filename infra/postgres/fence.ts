import { sql } from 'kysely'
import type { LeaseSession } from './lease-session.ts'

/**
 * Which taking of a lease its holder works under. The token grows with each taking, so that the
 * database can refuse what an earlier holder, who stood still and does not know of the later one,
 * still wants to write.
 */
export type Fence = { readonly lease: string; readonly token: bigint }

/** Somebody else holds the lease by now, or changed what this holder was about to change. */
export class FencedError extends Error {
  override readonly name = 'FencedError'
}

/**
 * To be called on the session that has just got the leases, so that nobody else can. Waits for the
 * transactions that the holders before have begun, and has all that they begin later refused.
 */
export async function raiseFences(
  session: Pick<LeaseSession, 'query'>,
  leases: readonly string[],
): Promise<readonly Fence[]> {
  if (leases.length === 0) return []
  const rows = await session.query<{ lease: string; token: string }>(
    `insert into ops.leases as l (name, token, taken_at) select name, 1, now()
     from unnest($1::text[]) as taken (name)
     on conflict (name) do update set token = l.token + 1, taken_at = now()
     returning name as lease, token::text`,
    [leases],
  )
  return rows.map(({ lease, token }) => ({ lease, token: BigInt(token) }))
}

/**
 * A query for the fences that still stand, which keeps them standing until the transaction ends.
 * It has to be in the transaction that writes: what was true before it may not be true in it.
 */
export function standing(fences: readonly Fence[]) {
  const wanted = fences.map(({ lease, token }) => ({ lease, token: token.toString() }))
  return sql`
    select 1 from ops.leases as l
      join json_to_recordset(${JSON.stringify(wanted)}::json) as f(lease text, token bigint)
        on l.name = f.lease and l.token = f.token
      for share of l`
}
