import { type Kysely, sql } from 'kysely'

/** What syncing remembers between and during runs; can be emptied at any time. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table ops.registry_runs (
      tenant_id text not null,
      source_id text not null,
      run_id uuid not null,
      owner uuid not null,
      lease_until timestamptz not null,
      progress jsonb not null,
      updated_at timestamptz not null,
      primary key (tenant_id, source_id)
    )`.execute(db)
  await sql`
    create table ops.registry_walks (
      tenant_id text not null,
      source_id text not null,
      pages jsonb not null,
      catalogue_position bigint not null,
      primary key (tenant_id, source_id)
    )`.execute(db)
  await sql`
    create table ops.registry_pages (
      tenant_id text not null,
      source_id text not null,
      cursor text not null,
      entries jsonb not null,
      primary key (tenant_id, source_id, cursor)
    )`.execute(db)
}
