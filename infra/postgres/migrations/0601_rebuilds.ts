import { type Kysely, sql } from 'kysely'

/**
 * What rebuilding a read model needs besides the read models: how far each rebuild is, for those
 * who watch, and a way to put a table back that was dropped. The application's role cannot own
 * the table, or the next migration could not change it; so the function runs as the owner, and
 * makes nothing but what the owner's own migrations made in the schema `shape`.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table ops.rebuilds (
      read_model text primary key,
      version integer not null,
      phase text not null,
      events bigint not null,
      position bigint not null,
      until bigint not null,
      started_at timestamptz not null,
      told_at timestamptz not null
    )`.execute(db)
  await sql`
    create function ops.restore_table(name text) returns void language plpgsql
    security definer set search_path = pg_catalog, pg_temp as $$
    begin
      execute format('create table if not exists read.%1$I (like shape.%1$I including all)', name);
    end $$`.execute(db)
  await sql`revoke execute on function ops.restore_table(text) from public`.execute(db)
}
