import { type Kysely, sql } from 'kysely'
import type pg from 'pg'
import type { ListenerRow, RunWaits, TimerRow } from '../../services/ports/run-waits.ts'
import { createReadDatabase } from '../postgres/pool.ts'
import { applySets, openSets } from './scheduled-sets.ts'

type Database = Kysely<unknown>

/** One follower of the log keeps the rows. */
const WATCH = 'waits'

export function createRunWaits(pool: pg.Pool): RunWaits {
  const db: Database = createReadDatabase(pool)
  return {
    async position() {
      const { rows } = await sql<{ position: bigint }>`
        select position from ops.workflow_watch where name = ${WATCH}`.execute(db)
      return rows[0]?.position ?? 0n
    },

    apply: ({ over, runsOver, timers, listeners }, through, sets) =>
      db.transaction().execute(async (trx) => {
        await removeSteps(trx, over)
        await removeRuns(trx, runsOver)
        await addTimers(trx, timers)
        await addListeners(trx, listeners)
        if (sets !== undefined) await applySets(trx, sets)
        await sql`
          insert into ops.workflow_watch (name, position) values (${WATCH}, ${through})
          on conflict (name) do update set position = excluded.position
          where ops.workflow_watch.position < excluded.position`.execute(trx)
      }),

    async due(now, limit) {
      const { rows } = await sql<TimerRow>`
        select tenant_id as "tenantId", run_id as "runId", step, due_at as "dueAt"
        from ops.workflow_timers where due_at <= ${now} order by due_at limit ${limit}`.execute(db)
      return rows
    },

    async nextDue() {
      const { rows } = await sql<{ due_at: Date }>`
        select due_at from ops.workflow_timers order by due_at limit 1`.execute(db)
      return rows[0]?.due_at
    },

    fired: (timers) => removeTimers(db, timers),

    postponed: (timers, until) =>
      db.transaction().execute(async (trx) => {
        await removeTimers(trx, timers)
        await addTimers(
          trx,
          timers.map((timer) => ({ ...timer, dueAt: until })),
        )
      }),

    async listeners(tenantId, type) {
      const { rows } = await sql<ListenerRow>`
        select tenant_id as "tenantId", run_id as "runId", step, type, since
        from ops.workflow_listeners
        where tenant_id = ${tenantId} and type in (${type}, '')
        order by run_id, step`.execute(db)
      return rows
    },

    openSets: (schedule) => openSets(db, schedule),

    async listenedTo() {
      const { rows } = await sql<{ type: string }>`
        select distinct type from ops.workflow_listeners`.execute(db)
      return rows.map(({ type }) => type)
    },
  }
}

type Step = Pick<TimerRow, 'tenantId' | 'runId' | 'step'>

function stepsOf(steps: readonly Step[]) {
  return sql`unnest(
    ${steps.map(({ tenantId }) => tenantId)}::text[],
    ${steps.map(({ runId }) => runId)}::uuid[],
    ${steps.map(({ step }) => step)}::int[]) as gone (tenant_id, run_id, step)`
}

async function removeSteps(trx: Database, steps: readonly Step[]): Promise<void> {
  if (steps.length === 0) return
  for (const table of ['ops.workflow_timers', 'ops.workflow_listeners'])
    await sql`
      delete from ${sql.raw(table)} as row using ${stepsOf(steps)}
      where row.tenant_id = gone.tenant_id and row.run_id = gone.run_id
        and row.step = gone.step`.execute(trx)
}

async function removeRuns(trx: Database, runs: readonly Omit<Step, 'step'>[]): Promise<void> {
  if (runs.length === 0) return
  const steps = runs.map((run) => ({ ...run, step: 0 }))
  for (const table of ['ops.workflow_timers', 'ops.workflow_listeners'])
    await sql`
      delete from ${sql.raw(table)} as row using ${stepsOf(steps)}
      where row.tenant_id = gone.tenant_id and row.run_id = gone.run_id`.execute(trx)
}

async function removeTimers(db: Database, timers: readonly TimerRow[]): Promise<void> {
  await sql`
    delete from ops.workflow_timers as row using ${stepsOf(timers)}
    where row.tenant_id = gone.tenant_id and row.run_id = gone.run_id
      and row.step = gone.step and row.due_at = any(${timers.map(({ dueAt }) => dueAt)})`.execute(
    db,
  )
}

async function addTimers(trx: Database, timers: readonly TimerRow[]): Promise<void> {
  if (timers.length === 0) return
  await sql`
    insert into ops.workflow_timers (tenant_id, run_id, step, due_at)
    select tenant_id, run_id, step, due_at from unnest(
      ${timers.map(({ tenantId }) => tenantId)}::text[],
      ${timers.map(({ runId }) => runId)}::uuid[],
      ${timers.map(({ step }) => step)}::int[],
      ${timers.map(({ dueAt }) => dueAt)}::timestamptz[]) as new (tenant_id, run_id, step, due_at)
    on conflict do nothing`.execute(trx)
}

async function addListeners(trx: Database, listeners: readonly ListenerRow[]): Promise<void> {
  if (listeners.length === 0) return
  await sql`
    insert into ops.workflow_listeners (tenant_id, run_id, step, type, since)
    select tenant_id, run_id, step, type, since from unnest(
      ${listeners.map(({ tenantId }) => tenantId)}::text[],
      ${listeners.map(({ runId }) => runId)}::uuid[],
      ${listeners.map(({ step }) => step)}::int[],
      ${listeners.map(({ type }) => type)}::text[],
      ${listeners.map(({ since }) => since)}::bigint[]) as new (tenant_id, run_id, step, type, since)
    on conflict do nothing`.execute(trx)
}
