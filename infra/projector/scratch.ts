import { randomBytes } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'

const PREFIX = 'scratch'
const HOUR_MS = 3_600_000
const ABANDONED_MS = 24 * HOUR_MS
const KERNEL_TABLES = ['checkpoints', 'parked_streams', 'parked_events']

/** A name for a schema that is dropped after use; it says when it was made. */
export function scratchName(): string {
  return `${PREFIX}_${Date.now()}_${randomBytes(4).toString('hex')}`
}

/** Makes `schema` with the read models' tables as they are in `live`, indexes and all, but empty. */
export async function makeScratch(
  db: Kysely<unknown>,
  { live, schema }: { readonly live: string; readonly schema: string },
  models: readonly AnyReadModel[],
): Promise<void> {
  await sql`create schema ${sql.ref(schema)}`.execute(db)
  const tables = [...KERNEL_TABLES, ...models.flatMap(({ keys }) => Object.keys(keys))]
  for (const table of tables)
    await sql`
      create table ${sql.table(`${schema}.${table}`)}
      (like ${sql.table(`${live}.${table}`)} including all)`.execute(db)
}

export async function dropSchema(db: Kysely<unknown>, schema: string): Promise<void> {
  await sql`drop schema if exists ${sql.ref(schema)} cascade`.execute(db)
}

/** What a process that died a day or more ago left behind. */
export async function dropAbandoned(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ name: string }>`
    select nspname as name from pg_namespace
    where nspname ~ ${`^${PREFIX}_[0-9]{13}_[0-9a-f]{8}`}
      and split_part(nspname, '_', 2)::bigint < ${Date.now() - ABANDONED_MS}
      and pg_has_role(nspowner, 'usage')`.execute(db)
  for (const { name } of rows) await dropSchema(db, name)
}
