import { createHash, randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import { migrate } from '../../infra/postgres/migrate.ts'

const OWNER = 'tidemark_test_owner'
const APP = 'tidemark_test_app'
/** Of throw-away servers on loopback. */
const PASSWORD = 'test'
const LOCK = 7_315_001
const MIGRATIONS = ['infra/postgres/migrations', 'projections/migrations', 'infra/postgres']

export type TestDatabase = {
  /** Runs the migrations; no superuser. */
  readonly ownerUrl: string
  /** What the application uses: cannot change the log's past. */
  readonly appUrl: string
}

type Teardown = { teardown: (drop: () => Promise<void>) => void }

/** An empty database without any table; dropped at teardown. */
export async function emptyDatabase(t: Teardown): Promise<TestDatabase> {
  const { name, ...urls } = await emptyDatabaseOn(superuserUrl())
  t.teardown(() => dropDatabase(name))
  return urls
}

/** One on another server than the one that the tests share. */
export async function emptyDatabaseOn(
  server: string,
): Promise<TestDatabase & { readonly name: string }> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await asSuperuser(async (client) => {
    await prepareRoles(client)
    await createDatabase(client, name)
  }, server)
  return { name, ...urlsOf(name, server) }
}

/** A migrated database without any row; dropped at teardown. */
export async function freshDatabase(t: Teardown): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`
  await asSuperuser(async (client) => {
    const template = await migratedTemplate(client)
    await createDatabase(client, name, template)
    // `migrate` grants it; a copy does not take a database's own grants along.
    await client.query(`grant create on database ${name} to ${APP}`)
  })
  t.teardown(() => dropDatabase(name))
  return urlsOf(name)
}

/** Migrated once for every test process that shares the server; named after the migrations' text. */
async function migratedTemplate(client: pg.Client): Promise<string> {
  const name = `template_${migrationsHash()}`
  await client.query('select pg_advisory_lock($1)', [LOCK])
  try {
    await prepareRoles(client)
    const { rowCount } = await client.query(
      'select from pg_database where datname = $1 and datistemplate',
      [name],
    )
    if (rowCount === 1) return name
    await client.query(`drop database if exists ${name} with (force)`)
    await createDatabase(client, name)
    await migrate({ ownerUrl: urlsOf(name).ownerUrl, appRole: APP })
    await client.query(`alter database ${name} is_template true`)
    return name
  } finally {
    await client.query('select pg_advisory_unlock($1)', [LOCK])
  }
}

function migrationsHash(): string {
  const root = path.resolve(import.meta.dirname, '../..')
  const hash = createHash('sha256')
  for (const folder of MIGRATIONS.map((each) => path.join(root, each)).filter(existsSync))
    for (const file of readdirSync(folder).sort())
      if (file.endsWith('.ts')) hash.update(file).update(readFileSync(path.join(folder, file)))
  return hash.digest('hex').slice(0, 16)
}

async function prepareRoles(client: pg.Client): Promise<void> {
  for (const role of [OWNER, APP]) {
    const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role])
    if (rowCount === 1) continue
    await client.query(`create role ${role} login password '${PASSWORD}'`).catch((error) => {
      // Another test process created it at the same moment.
      if (!['23505', '42710'].includes(error.code)) throw error
    })
  }
}

async function createDatabase(client: pg.Client, name: string, template = 'template1') {
  await client.query(`create database ${name} owner ${OWNER} template ${template}`)
}

async function dropDatabase(name: string): Promise<void> {
  await asSuperuser((client) => client.query(`drop database if exists ${name} with (force)`))
}

async function asSuperuser(
  work: (client: pg.Client) => Promise<unknown>,
  server = superuserUrl(),
): Promise<void> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}

/** Statements on a database of another server than the one that the tests share. */
export async function asSuperuserOf(
  server: string,
  { appUrl }: TestDatabase,
  ...statements: readonly string[]
): Promise<void> {
  const { pathname } = new URL(appUrl)
  await asSuperuser(
    async (client) => {
      for (const statement of statements) await client.query(statement)
    },
    Object.assign(new URL(server), { pathname }).href,
  )
}

function superuserUrl(): string {
  const url = process.env.TEST_POSTGRES_URL
  if (url === undefined) throw new Error('No test Postgres here: run the tests by `make test`.')
  return url
}

function urlsOf(name: string, server = superuserUrl()): TestDatabase {
  const url = (role: string) => {
    const own = new URL(server)
    own.username = role
    own.password = PASSWORD
    own.pathname = `/${name}`
    return own.href
  }
  return { ownerUrl: url(OWNER), appUrl: url(APP) }
}
