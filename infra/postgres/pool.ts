import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'

const CONNECT_TIMEOUT_MS = 5_000
const DEFAULT_MAX_CONNECTIONS = 10
const IDENTIFIER = /^[a-z_][a-z0-9_]*$/

export type PoolOptions = {
  /** Most connections at once. */
  readonly max?: number
  /** How long a query may take; by default as long as it does. A database that does not answer would otherwise be waited for without end. */
  readonly queryTimeoutMs?: number
  /** Schemas in which unqualified names are looked up; by default the read models, then extensions. */
  readonly searchPath?: readonly string[]
}

/** `int8` arrives as a `bigint`: exact, and never mixed up with a number or a string unnoticed. */
const types: pg.CustomTypesConfig = {
  getTypeParser(oid, format) {
    if (oid === pg.types.builtins.INT8 && format !== 'binary') return BigInt
    return pg.types.getTypeParser(oid, format)
  },
}

/** Connections to one database. The caller ends the pool. */
export function createPool(
  url: string,
  {
    max = DEFAULT_MAX_CONNECTIONS,
    searchPath = ['read', 'public'],
    queryTimeoutMs,
  }: PoolOptions = {},
): pg.Pool {
  for (const schema of searchPath)
    if (!IDENTIFIER.test(schema)) throw new RangeError(`"${schema}" is not a plain schema name.`)
  const pool = new pg.Pool({
    ...withOptions(url, `-c search_path=${searchPath.join(',')}`),
    max,
    types,
    application_name: 'tidemark',
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    ...(queryTimeoutMs === undefined ? {} : { query_timeout: queryTimeoutMs }),
  })
  // An idle connection that the server closed: the pool has dropped it, the next query opens another.
  pool.on('error', () => {})
  // One in use: whoever uses it gets the error from the query; without a listener the process would end.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

/** Of the two ways to give the server options, an address's would replace ours: both count. */
function withOptions(url: string, ours: string): pg.PoolConfig {
  const address = new URL(url)
  const theirs = address.searchParams.get('options') ?? ''
  address.searchParams.delete('options')
  return { connectionString: address.href, options: `${theirs} ${ours}`.trim() }
}

/** The query builder over `pool`; destroying it ends the pool. */
export function createReadDatabase<Tables>(pool: pg.Pool): Kysely<Tables> {
  return new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
}
