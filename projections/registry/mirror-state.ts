import { type Kysely, sql } from 'kysely'
import type { CatalogueTables } from './catalogue-tables.ts'

// What the mirror holds of one source, for the run that compares it with the upstream.

export type MirroredEntry = {
  readonly name: string
  readonly version: string
  readonly present: boolean
  readonly content_hash: string
  readonly revision: bigint
}

type Source = { readonly tenantId: string; readonly sourceId: string }
type Key = { readonly name: string; readonly version: string }

/** Also what left the source: its stream goes on from there. */
export function mirroredEntries(
  db: Kysely<CatalogueTables>,
  { tenantId, sourceId }: Source,
): Promise<MirroredEntry[]> {
  return db
    .selectFrom('catalogue_entries')
    .select(['name', 'version', 'present', 'content_hash', 'revision'])
    .where('tenant_id', '=', tenantId)
    .where('source_id', '=', sourceId)
    .execute()
}

/** Of the given entries, those that the mirror knows, with their text (null = left the source). */
export async function mirroredEntriesAt(
  db: Kysely<CatalogueTables>,
  { tenantId, sourceId }: Source,
  keys: readonly Key[],
): Promise<(MirroredEntry & { readonly entry: string | null })[]> {
  if (keys.length === 0) return []
  const { rows } = await sql<MirroredEntry & { readonly entry: string | null }>`
    select e.name, e.version, e.present, e.content_hash, e.revision, e.entry
    from json_to_recordset(${JSON.stringify(keys)}::json) as k (name text, version text)
    join catalogue_entries e on e.tenant_id = ${tenantId} and e.source_id = ${sourceId}
      and e.name = k.name and e.version = k.version`.execute(db)
  return rows
}

/** Log position of the source's newest entry event; 0n when it has none. */
export async function newestEntryPosition(
  db: Kysely<CatalogueTables>,
  { tenantId, sourceId }: Source,
): Promise<bigint> {
  const row = await db
    .selectFrom('catalogue_sources')
    .select('entries_position')
    .where('tenant_id', '=', tenantId)
    .where('source_id', '=', sourceId)
    .executeTakeFirst()
  return row?.entries_position ?? 0n
}

/** How many entries the source lists. */
export async function countPresent(
  db: Kysely<CatalogueTables>,
  { tenantId, sourceId }: Source,
): Promise<number> {
  const row = await db
    .selectFrom('catalogue_entries')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('tenant_id', '=', tenantId)
    .where('source_id', '=', sourceId)
    .where('present', '=', true)
    .executeTakeFirst()
  return Number(row?.count ?? 0)
}

/** Sources of any tenant that still list entries although they are not in the list of sources. */
export async function orphanedSources(db: Kysely<CatalogueTables>): Promise<Source[]> {
  const { rows } = await sql<{ tenant_id: string; source_id: string }>`
    select c.tenant_id, c.source_id from catalogue_sources c
    where not exists (
        select from registry_sources s
        where (s.tenant_id, s.source_id) = (c.tenant_id, c.source_id))
      and exists (
        select from catalogue_entries e
        where (e.tenant_id, e.source_id) = (c.tenant_id, c.source_id) and e.present)`.execute(db)
  return rows.map(({ tenant_id, source_id }) => ({ tenantId: tenant_id, sourceId: source_id }))
}
