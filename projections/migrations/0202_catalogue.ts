import { type Kysely, type Migration, sql } from 'kysely'

/** Names and versions compare byte by byte: the same order everywhere, and prefixes use the index. */
export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await sql`
    create table catalogue_entries (
      tenant_id text not null,
      source_id text not null,
      name text collate "C" not null,
      version text collate "C" not null,
      present boolean not null,
      content_hash text not null,
      revision bigint not null,
      position bigint not null,
      entry text,
      problems text[] not null,
      status text not null,
      is_latest boolean not null,
      published_at timestamptz,
      updated_at timestamptz not null,
      version_key text collate "C" not null,
      winner boolean not null default false,
      latest boolean not null default false,
      primary key (tenant_id, source_id, name, version)
    )`.execute(db)
  await sql`
    create index catalogue_entries_by_name on catalogue_entries (tenant_id, name, version)`.execute(
    db,
  )
  await sql`
    create index catalogue_entries_latest on catalogue_entries (tenant_id, name)
    where latest`.execute(db)
  await sql`
    create index catalogue_entries_by_update on catalogue_entries (tenant_id, updated_at)
    where winner`.execute(db)
  await sql`
    create table catalogue_sources (
      tenant_id text not null,
      source_id text not null,
      position bigint,
      entries_position bigint not null,
      primary key (tenant_id, source_id)
    )`.execute(db)
}
