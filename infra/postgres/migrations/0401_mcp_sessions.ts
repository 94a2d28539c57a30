import { type Kysely, sql } from 'kysely'

/** Sessions that their clients ended; a row that is lost lets an id count again, for its owner only. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table ops.mcp_ended_sessions (
      tenant_id text not null,
      session_id text not null,
      forget_at timestamptz not null,
      primary key (tenant_id, session_id)
    )`.execute(db)
}
