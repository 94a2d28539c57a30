import pg from 'pg'
import { randomPassword } from './secret.ts'

const DATABASE = 'tidemark'
const OWNER = 'tidemark_owner'
const APPLICATION = 'tidemark_app'

export type DatabaseAccess = {
  /** Owns the tables and runs the migrations. */
  readonly ownerUrl: string
  /** What Tidemark runs as: it can append to the log and not change it. */
  readonly appUrl: string
  readonly appRole: string
}

/** Makes the database and its two roles where missing. Their passwords are new at each start. */
export async function prepareDatabase(superuserUrl: string): Promise<DatabaseAccess> {
  const client = new pg.Client({ connectionString: superuserUrl })
  await client.connect()
  try {
    const ownerUrl = await login(client, superuserUrl, OWNER)
    const appUrl = await login(client, superuserUrl, APPLICATION)
    const { rowCount } = await client.query('select from pg_database where datname = $1', [
      DATABASE,
    ])
    if (rowCount === 0) await client.query(`create database ${DATABASE} owner ${OWNER}`)
    return { ownerUrl, appUrl, appRole: APPLICATION }
  } finally {
    await client.end()
  }
}

/** The superuser's address with the application's rights: its own password is not kept. */
export function asApplication(superuserUrl: string): string {
  const url = new URL(superuserUrl)
  url.pathname = `/${DATABASE}`
  url.searchParams.set('options', `-c role=${APPLICATION}`)
  return url.href
}

async function login(client: pg.Client, superuserUrl: string, role: string): Promise<string> {
  const password = randomPassword()
  const { rowCount } = await client.query('select from pg_roles where rolname = $1', [role])
  const verb = rowCount === 0 ? 'create' : 'alter'
  await client.query(`${verb} role ${role} login password '${password}'`)
  const url = new URL(superuserUrl)
  url.username = role
  url.password = password
  url.pathname = `/${DATABASE}`
  return url.href
}
