import { type Kysely, sql } from 'kysely'
import type { CatalogueTables } from './catalogue-tables.ts'

// The catalogue as the official registry API shows it: of every name and version the entry of
// the source that is believed, as its JSON text.

type Db = Kysely<CatalogueTables>

export type ServerFilter = {
  /** Part of the name, in any case. */
  readonly search?: string | undefined
  /** RFC 3339. */
  readonly updatedSince?: string | undefined
  /** `latest` or exact. */
  readonly version?: string | undefined
  readonly includeDeleted: boolean
}

export type ServerPlace = { readonly name: string; readonly version: string }
export type ServerEntry = ServerPlace & { readonly entry: string }

/** Ordered by name and version, byte by byte. */
export async function listServers(
  db: Db,
  tenantId: string,
  filter: ServerFilter,
  page: { readonly after: ServerPlace | undefined; readonly limit: number },
): Promise<ServerEntry[]> {
  let query = winners(db, tenantId, filter.includeDeleted)
    .orderBy('name')
    .orderBy('version')
    .limit(page.limit)
  if (page.after !== undefined) {
    const { name, version } = page.after
    query = query.where(sql<boolean>`(name, version) > (${name}, ${version})`)
  }
  if (filter.updatedSince !== undefined)
    query = query.where('updated_at', '>=', sql<Date>`${filter.updatedSince}::timestamptz`)
  if (filter.version === 'latest') query = query.where('latest', '=', true)
  else if (filter.version !== undefined) query = query.where('version', '=', filter.version)
  if (filter.search !== undefined)
    // The names' trigram index is on the services: a name is there once.
    query = query.where('name', 'in', ({ selectFrom }) =>
      selectFrom('services')
        .select('name')
        .where('tenant_id', '=', tenantId)
        .where('name', 'ilike', `%${likeLiteral(filter.search ?? '')}%`),
    )
  return texts(await query.execute())
}

/** Newest first. */
export async function listVersions(
  db: Db,
  tenantId: string,
  name: string,
  includeDeleted: boolean,
): Promise<ServerEntry[]> {
  const rows = await winners(db, tenantId, includeDeleted)
    .where('name', '=', name)
    .orderBy('published_at', (order) => order.desc().nullsLast())
    .orderBy('version_key', 'desc')
    .orderBy('version', 'desc')
    .execute()
  return texts(rows)
}

/** @param version exact, or `latest` */
export async function findServer(
  db: Db,
  tenantId: string,
  { name, version }: ServerPlace,
  includeDeleted: boolean,
): Promise<ServerEntry | undefined> {
  const named = winners(db, tenantId, includeDeleted).where('name', '=', name)
  const query =
    version === 'latest' ? named.where('latest', '=', true) : named.where('version', '=', version)
  return texts(await query.limit(1).execute())[0]
}

function winners(db: Db, tenantId: string, includeDeleted: boolean) {
  const query = db
    .selectFrom('catalogue_entries')
    .select(['name', 'version', 'entry'])
    .where('tenant_id', '=', tenantId)
    .where('winner', '=', true)
  return includeDeleted ? query : query.where('status', '!=', 'deleted')
}

/** A winner is present and so has its text. */
function texts(rows: readonly (ServerPlace & { readonly entry: string | null })[]): ServerEntry[] {
  return rows.flatMap(({ name, version, entry }) =>
    entry === null ? [] : [{ name, version, entry }],
  )
}

/** The text itself, whatever signs it has that `like` gives a meaning. */
export function likeLiteral(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&')
}
