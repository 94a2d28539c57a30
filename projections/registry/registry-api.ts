import { type Kysely, type RawBuilder, type SelectQueryBuilder, sql } from 'kysely'
import type { CatalogueTables } from './catalogue-tables.ts'
import { versionKey } from './version-key.ts'

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

/** Where a version stands among those of its name. */
export type VersionPlace = {
  /** Microseconds since 1970; the smallest number that fits when the upstream does not say. */
  readonly published: bigint
  readonly version: string
}
export type VersionEntry = ServerEntry & VersionPlace

/** The beginning of a list, and whether there is more of it. */
export type Listed<Entry> = { readonly rows: readonly Entry[]; readonly more: boolean }

const BY_NAME = sql`name, version`
const NEWEST_FIRST = sql`published desc, version_key desc, version desc`
const UNPUBLISHED = -(2n ** 63n)

/**
 * Ordered by name and version, byte by byte.
 *
 * @param page.bytes the part ends with the entry that reaches this.
 */
export async function listServers(
  db: Db,
  tenantId: string,
  filter: ServerFilter,
  page: {
    readonly after: ServerPlace | undefined
    readonly limit: number
    readonly bytes: number
  },
): Promise<Listed<ServerEntry>> {
  let query = winners(db, tenantId, filter.includeDeleted)
    .orderBy('name')
    .orderBy('version')
    .limit(page.limit + 1)
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
  return listed(await withinBytes(db, query, BY_NAME, page.bytes), page.limit)
}

/** Newest first. @param page.bytes the part ends with the entry that reaches this. */
export async function listVersions(
  db: Db,
  tenantId: string,
  name: string,
  includeDeleted: boolean,
  page: { readonly after: VersionPlace | undefined; readonly bytes: number },
): Promise<Listed<VersionEntry>> {
  const { after, bytes } = page
  let query = db
    .selectFrom(winners(db, tenantId, includeDeleted).where('name', '=', name).as('of_name'))
    .selectAll()
  if (after !== undefined) {
    const { published, version } = after
    query = query.where(
      sql<boolean>`(published, version_key, version) < (${published}::bigint, ${versionKey(version)}, ${version})`,
    )
  }
  return listed(await withinBytes(db, query, NEWEST_FIRST, bytes))
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
  return await query.limit(1).executeTakeFirst()
}

type Winner = VersionEntry & { readonly version_key: string }
type Cut = Omit<VersionEntry, 'entry'> & { readonly entry: string | null }

/** A winner is present and so has its text. */
function winners(db: Db, tenantId: string, includeDeleted: boolean) {
  const published = sql<bigint>`
    coalesce((extract(epoch from published_at) * 1000000)::bigint, ${UNPUBLISHED}::bigint)`
  const query = db
    .selectFrom('catalogue_entries')
    .select(['name', 'version', 'version_key', published.as('published')])
    .select((row) => row.ref('entry').$notNull().as('entry'))
    .where('tenant_id', '=', tenantId)
    .where('winner', '=', true)
    .where('entry', 'is not', null)
  return includeDeleted ? query : query.where('status', '!=', 'deleted')
}

/** Beyond `bytes` the rows come without their texts, which then are not even read. */
async function withinBytes(
  db: Db,
  rows: SelectQueryBuilder<CatalogueTables, never, Winner>,
  order: RawBuilder<unknown>,
  bytes: number,
): Promise<Cut[]> {
  const before = sql`coalesce(sum(octet_length(entry))
    over (order by ${order} rows between unbounded preceding and 1 preceding), 0)`
  return await db
    .selectFrom(rows.as('listed'))
    .select(['name', 'version', 'published'])
    .select(sql<string | null>`case when ${before} < ${bytes} then entry end`.as('entry'))
    .orderBy(order)
    .execute()
}

function listed(found: readonly Cut[], limit = found.length): Listed<VersionEntry> {
  const rows = found
    .flatMap(({ entry, ...row }) => (entry === null ? [] : [{ ...row, entry }]))
    .slice(0, limit)
  return { rows, more: found.length > rows.length }
}

/** The text itself, whatever signs it has that `like` gives a meaning. */
export function likeLiteral(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&')
}
