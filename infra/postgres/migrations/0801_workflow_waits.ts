import { type Kysely, sql } from 'kysely'

/** What runs of workflows wait for. It follows from the log and is filled from it when it is lost. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table ops.workflow_timers (
      tenant_id text not null,
      run_id uuid not null,
      step int not null,
      due_at timestamptz not null,
      primary key (tenant_id, run_id, step, due_at)
    )`.execute(db)
  await sql`create index workflow_timers_due on ops.workflow_timers (due_at)`.execute(db)
  await sql`
    create table ops.workflow_listeners (
      tenant_id text not null,
      run_id uuid not null,
      step int not null,
      type text not null,
      since bigint not null,
      primary key (tenant_id, type, run_id, step)
    )`.execute(db)
  await sql`
    create index workflow_listeners_of on ops.workflow_listeners (tenant_id, run_id, step)`.execute(
    db,
  )
  await sql`
    create table ops.workflow_watch (
      name text primary key,
      position bigint not null
    )`.execute(db)
}
