import { randomBytes } from 'node:crypto'
import { type Kysely, sql } from 'kysely'
import type pg from 'pg'
import { migrateReadModels } from '../postgres/migrate.ts'

const PREFIX = 'scratch'
const HOUR_MS = 3_600_000
const ABANDONED_MS = 24 * HOUR_MS

/** A name for a schema that is dropped after use; it says when it was made. */
export function scratchName(): string {
  return `${PREFIX}_${Date.now()}_${randomBytes(4).toString('hex')}`
}

/** Makes the read models' tables, empty, in a schema of that name. */
export async function makeScratch(pool: pg.Pool, schema: string): Promise<void> {
  const url = pool.options.connectionString
  if (url === undefined) throw new Error('The pool was not made from an address.')
  await migrateReadModels({ url, schema })
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
