import { type Kysely, sql } from 'kysely'

/**
 * Events that came of those that start a run together. It follows from the log; who empties
 * `workflow_watch`, so that it is filled again, empties this too.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table ops.workflow_scheduled_sets (
      tenant_id text not null,
      workflow text not null,
      set_id text not null,
      opened bigint not null,
      state text not null,
      primary key (tenant_id, workflow, set_id)
    )`.execute(db)
}
