import { readdirSync } from 'node:fs'
import path from 'node:path'
import { type Migration, Migrator } from 'kysely'
import type pg from 'pg'
import { createPool, createReadDatabase } from './pool.ts'

// Each import says where its files are, so that a bundler finds them as well.
const LOG_MIGRATIONS: Migrations = {
  folder: path.join(import.meta.dirname, 'migrations'),
  load: (name) => import(`./migrations/${name}.ts`),
}
const READ_MODEL_MIGRATIONS: Migrations = {
  folder: path.resolve(import.meta.dirname, '../../projections/migrations'),
  load: (name) => import(`../../projections/migrations/${name}.ts`),
}

/** Session-level advisory lock: programs that start together migrate one after the other. */
const MIGRATION_LOCK = 7_315_000

const SCHEMAS = ['log', 'ops', 'read', 'shape'] as const
/** What the search of the read models is made of; trusted, so the database's owner may add them. */
const EXTENSIONS = ['pg_trgm', 'unaccent', 'fuzzystrmatch'] as const

type Migrations = {
  readonly folder: string
  readonly load: (name: string) => Promise<Migration>
}

export type MigrateOptions = {
  /** Connects as the role that owns the tables. */
  readonly ownerUrl: string
  /** The role that the application connects as; undefined or the owner itself = no grants needed. */
  readonly appRole?: string
}

/**
 * Brings the event log, the operational tables and the read models up to date. Repeating it
 * changes nothing; programs that start at the same time wait for each other.
 *
 * The read models' tables are made twice: in `read`, and in `shape`, where they stay empty. What is
 * built beside the live rows is shaped like the second, whatever became of the first.
 *
 * @throws {Error} naming the migration that failed; the ones before it stay.
 */
export async function migrate({ ownerUrl, appRole }: MigrateOptions): Promise<void> {
  const pool = createPool(ownerUrl, { max: 1, searchPath: ['public'] })
  try {
    const owner = await pool.connect()
    try {
      await owner.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
      await createSchemas(owner)
      await runMigrations(ownerUrl, LOG_MIGRATIONS, 'ops')
      await runMigrations(ownerUrl, READ_MODEL_MIGRATIONS, 'read')
      await runMigrations(ownerUrl, READ_MODEL_MIGRATIONS, 'shape')
      await grant(owner, appRole)
    } finally {
      // Closing the connection gives the lock back.
      owner.release(true)
    }
  } finally {
    await pool.end()
  }
}

async function createSchemas(owner: pg.ClientBase): Promise<void> {
  for (const schema of SCHEMAS) await owner.query(`create schema if not exists ${schema}`)
  for (const extension of EXTENSIONS)
    await owner.query(`create extension if not exists ${extension} with schema public`)
}

/** Unqualified names in the migrations land in `schema`, which also remembers which ones ran. */
async function runMigrations(url: string, migrations: Migrations, schema: string): Promise<void> {
  const db = createReadDatabase(createPool(url, { max: 2, searchPath: [schema, 'public'] }))
  try {
    const migrator = new Migrator({
      db,
      provider: { getMigrations: () => loadAll(migrations) },
      migrationTableSchema: schema,
      migrationTableName: 'migrations',
      migrationLockTableName: 'migrations_lock',
      // Number ranges belong to contexts: a context's next migration may sort before another's last.
      allowUnorderedMigrations: true,
    })
    const { error, results = [] } = await migrator.migrateToLatest()
    if (error === undefined) return
    const failed = results.find(({ status }) => status === 'Error')?.migrationName ?? 'set-up'
    throw new Error(`Migration ${failed} failed: ${String(error)}`, { cause: error })
  } finally {
    await db.destroy()
  }
}

async function loadAll({ folder, load }: Migrations): Promise<Record<string, Migration>> {
  const names = readdirSync(folder).map((file) => path.basename(file, '.ts'))
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await load(name)] as const)),
  )
}

/** The application reads and appends to the log, no more; the rest it may rebuild at any time. */
async function grant(owner: pg.ClientBase, appRole: string | undefined): Promise<void> {
  const { rows } = await owner.query('select current_user as name, current_database() as database')
  if (appRole === undefined || appRole === rows[0].name) return
  const role = owner.escapeIdentifier(appRole)
  await owner.query(`
    begin;
    grant create on database ${owner.escapeIdentifier(rows[0].database)} to ${role};
    grant usage on schema log, ops, read, shape to ${role};
    revoke all on all tables in schema log from ${role};
    grant select, insert on all tables in schema log to ${role};
    grant all on all tables in schema ops, read to ${role};
    grant all on all sequences in schema ops, read to ${role};
    grant execute on all functions in schema ops to ${role};
    grant select on all tables in schema shape to ${role};
    grant create on schema read to ${role};
    alter default privileges in schema ops, read grant all on tables to ${role};
    alter default privileges in schema ops, read grant all on sequences to ${role};
    alter default privileges in schema shape grant select on tables to ${role};
    commit;
  `)
}
