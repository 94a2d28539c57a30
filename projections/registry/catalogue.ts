import { type RawBuilder, sql, type Transaction } from 'kysely'
import type { SqlReadModel } from '../kernel/read-model.ts'
import { refreshServices } from '../marketplace/refresh-services.ts'
import { type CatalogueEvent, type FoldedBatch, foldBatch } from './catalogue-rows.ts'
import type { CatalogueTables } from './catalogue-tables.ts'

// What every source lists, which source is believed where two list the same, and which version
// stands for a server. The flags and the services follow from the entries and the sources as
// they are at the end of a batch, for every name that the batch touches.

type Trx = Transaction<CatalogueTables>

/** One server of one tenant. */
export type ServerKey = { readonly tenant_id: string; readonly name: string }

export const catalogue: SqlReadModel<CatalogueEvent, CatalogueTables> = {
  name: 'catalogue',
  version: 1,
  keys: {
    catalogue_entries: ['tenant_id', 'source_id', 'name', 'version'],
    catalogue_sources: ['tenant_id', 'source_id'],
    services: ['tenant_id', 'name'],
    service_words: ['tenant_id', 'word'],
  },
  types: [
    'CatalogueEntryAdded',
    'CatalogueEntryChanged',
    'CatalogueEntryRemoved',
    'RegistrySourceAdded',
  ],
  async apply(trx, batch) {
    const rows = foldBatch(batch)
    await putSources(trx, rows.sources)
    await putNewest(trx, rows.newest)
    await putEntries(trx, rows.entries)
    const touched = await touchedServers(trx, rows)
    if (touched.length === 0) return
    await markWinners(trx, touched)
    await refreshServices(trx, touched)
  },
}

async function putSources(trx: Trx, sources: FoldedBatch['sources']): Promise<void> {
  if (sources.length === 0) return
  await sql`
    insert into catalogue_sources (tenant_id, source_id, position, entries_position)
    select *, 0 from json_to_recordset(${json(sources)})
      as x (tenant_id text, source_id text, position bigint)
    on conflict (tenant_id, source_id) do update set position = excluded.position`.execute(trx)
}

async function putNewest(trx: Trx, newest: FoldedBatch['newest']): Promise<void> {
  if (newest.length === 0) return
  await sql`
    insert into catalogue_sources (tenant_id, source_id, entries_position)
    select * from json_to_recordset(${json(newest)})
      as x (tenant_id text, source_id text, position bigint)
    on conflict (tenant_id, source_id) do update
      set entries_position = excluded.entries_position`.execute(trx)
}

async function putEntries(trx: Trx, entries: FoldedBatch['entries']): Promise<void> {
  if (entries.length === 0) return
  await sql`
    insert into catalogue_entries (tenant_id, source_id, name, version, present, content_hash,
      revision, position, entry, problems, status, is_latest, published_at, updated_at, version_key)
    select tenant_id, source_id, name, version, present, content_hash, revision, position, entry,
      array(select json_array_elements_text(problems)), status, is_latest, published_at,
      updated_at, version_key
    from json_to_recordset(${json(entries)}) as x (tenant_id text, source_id text, name text,
      version text, present boolean, content_hash text, revision bigint, position bigint,
      entry text, problems json, status text, is_latest boolean, published_at timestamptz,
      updated_at timestamptz, version_key text)
    on conflict (tenant_id, source_id, name, version) do update set
      present = excluded.present, content_hash = excluded.content_hash,
      revision = excluded.revision, position = excluded.position, entry = excluded.entry,
      problems = excluded.problems, status = excluded.status, is_latest = excluded.is_latest,
      published_at = excluded.published_at, updated_at = excluded.updated_at,
      version_key = excluded.version_key`.execute(trx)
}

/** A source that is added again has a new age: all that it lists is judged anew. */
async function touchedServers(trx: Trx, rows: FoldedBatch): Promise<ServerKey[]> {
  const servers = new Map<string, ServerKey>()
  const touch = ({ tenant_id, name }: ServerKey) =>
    servers.set(`${tenant_id}/${name}`, { tenant_id, name })
  for (const row of rows.entries) touch(row)
  for (const { tenant_id, source_id } of rows.sources) {
    const listed = await trx
      .selectFrom('catalogue_entries')
      .select(['tenant_id', 'name'])
      .distinct()
      .where('tenant_id', '=', tenant_id)
      .where('source_id', '=', source_id)
      .execute()
    for (const row of listed) touch(row)
  }
  return [...servers.values()]
}

async function markWinners(trx: Trx, touched: readonly ServerKey[]): Promise<void> {
  await sql`
    with candidate as (
      select e.tenant_id, e.source_id, e.name, e.version, e.status, e.is_latest,
        e.published_at, e.version_key, s.position as age,
        e.present and row_number() over (
          partition by e.tenant_id, e.name, e.version
          order by e.present desc, s.position nulls last, e.source_id) = 1 as wins
      from json_to_recordset(${json(touched)}) as t (tenant_id text, name text)
      join catalogue_entries e on (e.tenant_id, e.name) = (t.tenant_id, t.name)
      left join catalogue_sources s on (s.tenant_id, s.source_id) = (e.tenant_id, e.source_id)
    ), judged as (
      select *, wins and row_number() over (
        partition by tenant_id, name
        order by wins desc, status = 'deleted', is_latest desc, published_at desc nulls last,
          version_key desc, age nulls last, source_id, version desc) = 1 as stands
      from candidate
    )
    update catalogue_entries e set winner = j.wins, latest = j.stands
    from judged j
    where (e.tenant_id, e.source_id, e.name, e.version)
      = (j.tenant_id, j.source_id, j.name, j.version)
      and (e.winner, e.latest) is distinct from (j.wins, j.stands)`.execute(trx)
}

/** Rows as one parameter: the statement's text does not depend on how many there are. */
export function json(rows: readonly unknown[]): RawBuilder<unknown> {
  return sql`${JSON.stringify(rows)}::json`
}
