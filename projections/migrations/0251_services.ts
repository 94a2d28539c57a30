import { type Kysely, type Migration, sql } from 'kysely'

/**
 * `fastupdate = off`: a search never has to read a list of pending index entries, so that its
 * time does not depend on what was written a moment ago.
 */
export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await sql`
    create table services (
      tenant_id text not null,
      name text collate "C" not null,
      source_id text not null,
      version text not null,
      title text,
      description text not null,
      status text not null,
      package_types text[] not null,
      transports text[] not null,
      tags text[] not null,
      repository_url text,
      website_url text,
      published_at timestamptz,
      updated_at timestamptz not null,
      problems text[] not null,
      versions integer not null,
      words text[] not null,
      search tsvector not null,
      primary key (tenant_id, name)
    )`.execute(db)
  await sql`
    create index services_search on services using gin (search) with (fastupdate = off)`.execute(db)
  await sql`
    create index services_name_parts on services using gin (name public.gin_trgm_ops)
    with (fastupdate = off)`.execute(db)
  await sql`
    create table service_words (
      tenant_id text not null,
      word text collate "C" not null,
      services integer not null,
      primary key (tenant_id, word)
    ) with (fillfactor = 70)`.execute(db)
  await sql`
    create index service_words_alike on service_words using gin (word public.gin_trgm_ops)
    with (fastupdate = off)`.execute(db)
}
