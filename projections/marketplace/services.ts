import { type Kysely, type Selectable, type SelectQueryBuilder, sql } from 'kysely'
import type { CatalogueTables } from '../registry/catalogue-tables.ts'

// Every server of the catalogue, by its latest version: what people browse.

type Db = Kysely<CatalogueTables>

export type ServiceFilter = {
  readonly packageType?: string | undefined
  readonly transport?: string | undefined
  readonly source?: string | undefined
  /** By default everything that is not deleted. */
  readonly status?: string | undefined
}

/** The columns that are shown; those of the search stay in the database. */
export const SERVICE_COLUMNS = [
  'name',
  'source_id',
  'version',
  'title',
  'description',
  'status',
  'package_types',
  'transports',
  'tags',
  'repository_url',
  'website_url',
  'published_at',
  'updated_at',
  'problems',
  'versions',
] as const

export type ServiceRow = Pick<
  Selectable<CatalogueTables['services']>,
  (typeof SERVICE_COLUMNS)[number]
>

/** By name. */
export function listServices(
  db: Db,
  tenantId: string,
  filter: ServiceFilter,
  page: { readonly offset: number; readonly limit: number },
): Promise<ServiceRow[]> {
  return filtered(db.selectFrom('services').where('tenant_id', '=', tenantId), filter)
    .select(SERVICE_COLUMNS)
    .orderBy('name')
    .offset(page.offset)
    .limit(page.limit)
    .execute()
}

export async function countServices(
  db: Db,
  tenantId: string,
  filter: ServiceFilter,
): Promise<number> {
  const row = await filtered(db.selectFrom('services').where('tenant_id', '=', tenantId), filter)
    .select(({ fn }) => fn.countAll().as('count'))
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

/** @returns undefined when no source lists a server of that name. */
export function findService(
  db: Db,
  tenantId: string,
  name: string,
): Promise<ServiceRow | undefined> {
  return db
    .selectFrom('services')
    .select(SERVICE_COLUMNS)
    .where('tenant_id', '=', tenantId)
    .where('name', '=', name)
    .executeTakeFirst()
}

/** In the order of the names. */
export async function servicesNamed(
  db: Db,
  tenantId: string,
  names: readonly string[],
): Promise<ServiceRow[]> {
  if (names.length === 0) return []
  const rows = await db
    .selectFrom('services')
    .select(SERVICE_COLUMNS)
    .where('tenant_id', '=', tenantId)
    .where('name', 'in', names)
    .execute()
  const byName = new Map(rows.map((row) => [row.name, row]))
  return names.flatMap((name) => byName.get(name) ?? [])
}

export type ServiceVersion = {
  readonly version: string
  readonly source_id: string
  readonly status: string
  readonly latest: boolean
  readonly published_at: Date | null
  readonly problems: readonly string[]
}

/** Newest first, deleted ones included. */
export function versionsOfService(
  db: Db,
  tenantId: string,
  name: string,
): Promise<ServiceVersion[]> {
  return db
    .selectFrom('catalogue_entries')
    .select(['version', 'source_id', 'status', 'latest', 'published_at', 'problems'])
    .where('tenant_id', '=', tenantId)
    .where('name', '=', name)
    .where('winner', '=', true)
    .orderBy('published_at', (order) => order.desc().nullsLast())
    .orderBy('version_key', 'desc')
    .orderBy('version', 'desc')
    .execute()
}

export function filtered<Output>(
  query: SelectQueryBuilder<CatalogueTables, 'services', Output>,
  { packageType, transport, source, status }: ServiceFilter,
): SelectQueryBuilder<CatalogueTables, 'services', Output> {
  let narrowed =
    status === undefined
      ? query.where('status', '!=', 'deleted')
      : query.where('status', '=', status)
  if (packageType !== undefined)
    narrowed = narrowed.where(sql<boolean>`${packageType} = any(package_types)`)
  if (transport !== undefined)
    narrowed = narrowed.where(sql<boolean>`${transport} = any(transports)`)
  return source === undefined ? narrowed : narrowed.where('source_id', '=', source)
}
