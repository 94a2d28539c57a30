import type { Kysely } from 'kysely'
import type { CatalogueTables } from '../registry/catalogue-tables.ts'

// What the catalogue says about a server that is to be installed.

export type CatalogueEntry = {
  readonly source_id: string
  readonly version: string
  /** JSON text of the entry, as its source gave it. */
  readonly entry: string
}

export type EntryWanted = {
  readonly name: string
  /** Exact, or `latest`. */
  readonly version: string
  /** Undefined = the source that is believed. */
  readonly sourceId: string | undefined
}

/** @returns `unknown-service` when no version is listed at all, `unknown-version` when not this one. */
export async function findInstallable(
  db: Kysely<CatalogueTables>,
  tenantId: string,
  { name, version, sourceId }: EntryWanted,
): Promise<CatalogueEntry | 'unknown-service' | 'unknown-version'> {
  const listed = db
    .selectFrom('catalogue_entries')
    .select(['source_id', 'version', 'entry'])
    .where('tenant_id', '=', tenantId)
    .where('name', '=', name)
    .where('present', '=', true)
    .where('status', '!=', 'deleted')
    .$if(sourceId !== undefined, (query) => query.where('source_id', '=', sourceId ?? ''))
    .$if(sourceId === undefined, (query) => query.where('winner', '=', true))
  const wanted =
    version === 'latest'
      ? // The upstream's word first; within a source it can be silent about it.
        listed.orderBy(sourceId === undefined ? 'latest' : 'is_latest', 'desc')
      : listed.where('version', '=', version)
  const row = await wanted.orderBy('version_key', 'desc').limit(1).executeTakeFirst()
  if (row !== undefined && row.entry !== null) return { ...row, entry: row.entry }
  const any = await listed.limit(1).executeTakeFirst()
  return any === undefined ? 'unknown-service' : 'unknown-version'
}
