import { spawnSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import { type Child, startChild } from './child.ts'
import { stopLeftover } from './earlier-run.ts'
import { freePort } from './free-port.ts'
import { postgresBinaries } from './postgres-binaries.ts'
import { randomPassword } from './secret.ts'
import { inPlainWords, StackError } from './stack-error.ts'
import { type Unprivileged, unprivileged } from './unprivileged.ts'

const START_TIMEOUT_MS = 60_000
const SUPERUSER = 'postgres'

export type PostgresOptions = {
  /** Ours alone: holds `data/`, the superuser's `password` and `postgres.log`. Made when missing. */
  readonly directory: string
  /** Tried first, so that the address stays the same from one start to the next. */
  readonly preferredPort?: number
  readonly settings?: Readonly<Record<string, string>>
}

export type PostgresServer = {
  readonly child: Child
  readonly port: number
  /** Connects as the superuser to the database `postgres`. */
  readonly superuserUrl: string
  readonly stop: () => Promise<void>
}

/**
 * Starts Postgres on a loopback port, and creates its cluster when there is none.
 *
 * @throws {StackError} when it does not come up.
 */
export async function startPostgres(options: PostgresOptions): Promise<PostgresServer> {
  const { directory } = options
  const binaries = postgresBinaries()
  mkdirSync(directory, { recursive: true })
  // Passable, so that the account which runs Postgres reaches its own data and nothing else.
  chmodSync(directory, 0o711)
  const data = path.join(directory, 'data')
  const runAs = unprivileged(binaries.postgres, directory)
  const password = ownPassword(directory)
  if (!existsSync(path.join(data, 'PG_VERSION'))) createCluster(binaries.initdb, directory, runAs)
  else await stopLeftover(path.join(data, 'postmaster.pid'), data, 'SIGINT')
  giveTo(runAs, data)
  const preferred = options.preferredPort === undefined ? [] : [options.preferredPort]
  const port = await freePort(...preferred)
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '400',
    ...options.settings,
  }
  const [command = '', ...args] = [
    ...runAs.prefix,
    binaries.postgres,
    ...['-D', data],
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ]
  const output = path.join(directory, 'postgres.log')
  // Postgres takes SIGINT as "break the connections, write everything down, stop".
  const child = startChild({ command, args, output, stopSignal: 'SIGINT', ...account(runAs) })
  const superuserUrl = `postgres://${SUPERUSER}:${password}@127.0.0.1:${port}/postgres`
  await untilAnswering(child, superuserUrl)
  return { child, port, superuserUrl, stop: () => child.stop(30_000) }
}

function account({ uid, gid }: Unprivileged): { uid?: number; gid?: number } {
  return { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) }
}

function ownPassword(directory: string): string {
  const file = path.join(directory, 'password')
  if (!existsSync(file)) writeFileSync(file, `${randomPassword()}\n`, { mode: 0o600, flag: 'wx' })
  return readFileSync(file, 'utf8').trim()
}

function createCluster(initdb: string, directory: string, runAs: Unprivileged): void {
  const data = path.join(directory, 'data')
  const passwordFile = path.join(directory, 'password')
  mkdirSync(data, { recursive: true, mode: 0o700 })
  giveTo(runAs, data)
  giveTo(runAs, passwordFile)
  const [command = '', ...args] = [
    ...runAs.prefix,
    initdb,
    ...['-D', data, '-U', SUPERUSER, '--pwfile', passwordFile],
    ...['--auth', 'scram-sha-256', '--encoding', 'UTF8', '--locale', 'C', '--no-instructions'],
  ]
  const made = spawnSync(command, args, { cwd: directory, encoding: 'utf8', ...account(runAs) })
  if (process.getuid?.() === 0) chownSync(passwordFile, 0, 0)
  if (made.status === 0) return
  const words = inPlainWords(made.stderr ?? '')
    .trim()
    .split('\n')
    .slice(-3)
    .join(' ')
  throw new StackError(
    `Postgres could not create its data in ${data}: ${words || made.error?.message}`,
  )
}

/** Also when another account ran it the last time. */
function giveTo({ uid, gid }: Unprivileged, target: string): void {
  if (process.getuid?.() !== 0) return
  spawnSync('chown', ['-R', `${uid ?? 0}:${gid ?? 0}`, target], { stdio: 'ignore' })
}

async function untilAnswering(child: Child, url: string): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  let ended = false
  void child.exited.then(() => {
    ended = true
  })
  while (!(await answers(url))) {
    if (ended) throw new StackError(`Postgres did not start: ${child.lastWords()}`)
    if (Date.now() > deadline) {
      await child.stop()
      throw new StackError(`Postgres did not answer within a minute: ${child.lastWords()}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}
