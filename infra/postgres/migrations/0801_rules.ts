import { type Kysely, sql } from 'kysely'

/** How far the rules have come. Without it the log is read from its start, and nothing is done twice. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table ops.rule_snapshots (
      tenant_id text primary key,
      format int not null,
      position bigint not null,
      state text not null
    )`.execute(db)
  await sql`
    create table ops.rule_actions_from (
      tenant_id text primary key,
      revision bigint not null
    )`.execute(db)
}
