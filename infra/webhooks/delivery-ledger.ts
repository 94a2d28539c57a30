import { type Kysely, sql, type Transaction } from 'kysely'
import type pg from 'pg'
import type {
  Attempt,
  DeliveryLedger,
  OwedDelivery,
  Progress,
  ReplayRequest,
  WebhookKey,
} from '../../services/ports/delivery-ledger.ts'
import type { Position } from '../../services/ports/event-store.ts'
import { createReadDatabase } from '../postgres/pool.ts'
import { deliveryQueries } from './delivery-queries.ts'
import { isOf, owedAgain, rowsOf } from './delivery-rows.ts'

type Database = Kysely<unknown>

/**
 * The ledger in Postgres. Every change of a row says what it found before: a process that lost its
 * lease without noticing changes nothing that another one has changed.
 */
export function createDeliveryLedger(pool: pg.Pool): DeliveryLedger {
  const db: Database = createReadDatabase(pool)
  return {
    ...deliveryQueries(db),

    progress: (key, from) => progressOf(db, key, from),

    enqueue: (key, { from, to }, events, now) =>
      db.transaction().execute(async (trx) => {
        const { numAffectedRows } = await sql`
          update ops.webhook_progress set position = ${to}
          where ${isOf(key)} and position = ${from}`.execute(trx)
        if (numAffectedRows !== 1n) return false
        if (events.length > 0)
          await sql`${rowsOf(key, events, now)} on conflict do nothing`.execute(trx)
        return true
      }),

    record: (key, owed, attempt, next) => recordAttempt(db, key, owed, attempt, next),

    async hold(key, until) {
      await sql`
        update ops.webhook_progress set held_until = ${until}
        where ${isOf(key)} and (held_until is null or held_until < ${until})`.execute(db)
    },

    resume: (key, at, now) =>
      onceFor(db, key, at, async (trx) => {
        await sql`update ops.webhook_progress set held_until = null where ${isOf(key)}`.execute(trx)
        await sql`
          update ops.webhook_deliveries
          set attempts = 0, first_attempt_at = null, next_attempt_at = ${now}
          where ${isOf(key)} and state = 'owed'`.execute(trx)
      }),

    replay: (key, at, request, now) =>
      onceFor(db, key, at, (trx) => oweAgain(trx, key, request, now)),

    async advanceReplay(key, { replayId, position, through }, to, events, now) {
      await db.transaction().execute(async (trx) => {
        const one = sql`${isOf(key)} and replay_id = ${replayId} and position = ${position}`
        const { numAffectedRows } = await (to >= through
          ? sql`delete from ops.webhook_replays where ${one}`.execute(trx)
          : sql`update ops.webhook_replays set position = ${to} where ${one}`.execute(trx))
        if (numAffectedRows !== 1n || events.length === 0) return
        await sql`
          ${rowsOf(key, events, now)}
          on conflict (tenant_id, webhook_id, event_id) do update set ${owedAgain(now)}
          where d.state <> 'owed'`.execute(trx)
      })
    },

    async forget(key) {
      for (const table of ['webhook_deliveries', 'webhook_replays', 'webhook_progress'])
        await sql`delete from ${sql.table(`ops.${table}`)} where ${isOf(key)}`.execute(db)
    },

    async prune(before) {
      await sql`
        delete from ops.webhook_deliveries
        where state = 'delivered' and attempted_at < ${before}`.execute(db)
    },
  }
}

async function progressOf(db: Database, key: WebhookKey, from: Position): Promise<Progress> {
  await sql`
    insert into ops.webhook_progress (tenant_id, webhook_id, position, handled)
    values (${key.tenantId}, ${key.webhookId}::uuid, ${from}, ${from})
    on conflict do nothing`.execute(db)
  const { rows } = await sql<Progress>`
    select position, handled, (
      select count(*)::int from ops.webhook_deliveries where ${isOf(key)} and state = 'owed') as owed
    from ops.webhook_progress where ${isOf(key)}`.execute(db)
  const [progress] = rows
  if (progress === undefined) throw new Error('The webhook was removed meanwhile.')
  return progress
}

type Next = Parameters<DeliveryLedger['record']>[3]

/** One statement, because each success is one. The time of the last one is to the second. */
async function recordAttempt(
  db: Database,
  key: WebhookKey,
  { eventId, round, attempts }: OwedDelivery,
  { at, durationMs, outcome, status, answer }: Attempt,
  next: Next,
): Promise<boolean> {
  const { rows } = await sql<{ recorded: boolean }>`
    with recorded as (
      update ops.webhook_deliveries set
        state = ${next.state}, next_attempt_at = ${'at' in next ? next.at : null},
        attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, ${at}),
        attempted_at = ${at}, duration_ms = ${durationMs}, outcome = ${outcome},
        status = ${status ?? null}, answer = ${answer}
      where ${isOf(key)} and event_id = ${eventId} and state = 'owed'
        and round = ${round} and attempts = ${attempts}
      returning state
    ), marked as (
      update ops.webhook_progress set last_delivered_at = ${at}
      where ${isOf(key)} and (select state from recorded) = 'delivered'
        and (last_delivered_at is null
          or last_delivered_at < ${at}::timestamptz - interval '1 second')
    ) select exists (select from recorded) as recorded`.execute(db)
  return rows[0]?.recorded === true
}

/** Does `work` unless it was done before for what is at `at` in the webhook's stream. */
async function onceFor(
  db: Database,
  key: WebhookKey,
  at: Position,
  work: (trx: Transaction<unknown>) => Promise<void>,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    const { numAffectedRows } = await sql`
      update ops.webhook_progress set handled = ${at}
      where ${isOf(key)} and handled < ${at}`.execute(trx)
    if (numAffectedRows === 1n) await work(trx)
  })
}

async function oweAgain(
  trx: Transaction<unknown>,
  key: WebhookKey,
  request: ReplayRequest,
  now: Date,
): Promise<void> {
  if (request.kind === 'all') {
    // What lies beyond the webhook's place is still to come in any case.
    await sql`
      insert into ops.webhook_replays (tenant_id, webhook_id, replay_id, position, through)
      select tenant_id, webhook_id, ${request.replayId}::uuid, ${request.after},
        least(${request.through}::bigint, position)
      from ops.webhook_progress
      where ${isOf(key)} and position > ${request.after} on conflict do nothing`.execute(trx)
    return
  }
  const which =
    request.kind === 'event'
      ? sql`event_id = ${request.eventId} and state <> 'owed'`
      : sql`state = 'parked' and position > ${request.after} and position <= ${request.through}`
  await sql`
    update ops.webhook_deliveries d set ${owedAgain(now)} where ${isOf(key)} and ${which}`.execute(
    trx,
  )
}
