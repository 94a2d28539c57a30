import { randomBytes } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'

const PREFIX = 'scratch'
const HOUR_MS = 3_600_000
const ABANDONED_MS = 24 * HOUR_MS
const KERNEL_TABLES = ['checkpoints', 'parked_streams', 'parked_events']
/** Has every table of the read models as the migrations make it, for ever empty. */
export const SHAPE_SCHEMA = 'shape'

/** A name for a schema that is dropped after use; it says when it was made, and by `purpose` what for. */
export function scratchName(purpose: string): string {
  return `${PREFIX}_${Date.now()}_${randomBytes(4).toString('hex')}_${purpose}`
}

/**
 * Makes `schema` with the read models' tables, indexes and all, but empty. They are not in the
 * database's journal, which makes them faster to fill; a crash of the database empties them.
 */
export async function makeScratch(
  db: Kysely<unknown>,
  schema: string,
  models: readonly AnyReadModel[],
): Promise<void> {
  await sql`create schema ${sql.ref(schema)}`.execute(db)
  const tables = [...KERNEL_TABLES, ...models.flatMap(({ keys }) => Object.keys(keys))]
  for (const table of tables)
    await sql`
      create unlogged table ${sql.table(`${schema}.${table}`)}
      (like ${sql.table(`${SHAPE_SCHEMA}.${table}`)} including all)`.execute(db)
}

export async function dropSchema(db: Kysely<unknown>, schema: string): Promise<void> {
  await sql`drop schema if exists ${sql.ref(schema)} cascade`.execute(db)
}

/** What a process that died a day or more ago left behind. */
export async function dropAbandoned(db: Kysely<unknown>): Promise<void> {
  await dropOlder(db, Date.now() - ABANDONED_MS, '')
}

/** All that is left of earlier work for this purpose; the caller knows that nobody is at it. */
export async function dropLeftovers(db: Kysely<unknown>, purpose: string): Promise<void> {
  await dropOlder(db, Number.MAX_SAFE_INTEGER, `_${purpose}`)
}

async function dropOlder(db: Kysely<unknown>, than: number, ending: string): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select nspname as name from pg_namespace
    where nspname ~ ${`^${PREFIX}_[0-9]{13}_[0-9a-f]{8}`} and right(nspname, ${ending.length}) = ${ending}
      and split_part(nspname, '_', 2)::bigint < ${than}
      and pg_has_role(nspowner, 'usage')`.execute(db)
  for (const { name } of rows) await dropSchema(db, name)
}
