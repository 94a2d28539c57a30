import { type Kysely, sql } from 'kysely'
import type { DeliveryLedger } from '../../services/ports/delivery-ledger.ts'
import {
  type BacklogRow,
  backlogOf,
  type DeliveryRow,
  deliveryOf,
  isOf,
  owedDelivery,
} from './delivery-rows.ts'

type Queries = Pick<DeliveryLedger, 'due' | 'nextDue' | 'openReplays' | 'find' | 'list' | 'backlog'>

/** What the ledger tells without changing anything. */
export function deliveryQueries(db: Kysely<unknown>): Queries {
  return {
    async due(key, now, limit) {
      const { rows } = await sql<DeliveryRow>`
        select * from ops.webhook_deliveries
        where ${isOf(key)} and state = 'owed' and next_attempt_at <= ${now} and not exists (
          select from ops.webhook_progress where ${isOf(key)} and held_until > ${now})
        order by next_attempt_at, position limit ${limit}`.execute(db)
      return rows.map(owedDelivery)
    },

    async nextDue(key) {
      const { rows } = await sql<{ due: Date | null; held: Date | null }>`
        select min(next_attempt_at) as due,
          (select held_until from ops.webhook_progress where ${isOf(key)}) as held
        from ops.webhook_deliveries where ${isOf(key)} and state = 'owed'`.execute(db)
      const { due = null, held = null } = rows[0] ?? {}
      if (due === null) return undefined
      return held !== null && held > due ? held : due
    },

    async openReplays(key) {
      const { rows } = await sql<{ replay_id: string; position: bigint; through: bigint }>`
        select replay_id, position, through from ops.webhook_replays
        where ${isOf(key)} order by position`.execute(db)
      return rows.map(({ replay_id: replayId, ...range }) => ({ replayId, ...range }))
    },

    async find(key, eventId) {
      const { rows } = await sql<DeliveryRow>`
        select * from ops.webhook_deliveries
        where ${isOf(key)} and event_id = ${eventId}`.execute(db)
      return rows[0] && deliveryOf(rows[0])
    },

    async list(key, { state, before, limit }) {
      const { rows } = await sql<DeliveryRow>`
        select * from ops.webhook_deliveries
        where ${isOf(key)} and (${state ?? null}::text is null or state = ${state ?? null})
          and (${before ?? null}::bigint is null or position < ${before ?? null})
        order by position desc limit ${limit}`.execute(db)
      return rows.map(deliveryOf)
    },

    async backlog(key) {
      const { rows } = await sql<BacklogRow>`
        select p.tenant_id, p.webhook_id, p.last_delivered_at,
          coalesce(d.owed, 0) as owed, coalesce(d.parked, 0) as parked, d.oldest_owed_at
        from ops.webhook_progress p left join (
          select tenant_id, webhook_id, count(*) filter (where state = 'owed')::int as owed,
            count(*) filter (where state = 'parked')::int as parked,
            min(owed_since) filter (where state = 'owed') as oldest_owed_at
          from ops.webhook_deliveries where state <> 'delivered'
          group by tenant_id, webhook_id) d using (tenant_id, webhook_id)
        ${key === undefined ? sql`` : sql`where ${isOf(key)}`}`.execute(db)
      return rows.map(backlogOf)
    },
  }
}
