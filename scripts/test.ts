/**
 * Runs the tests on throw-away servers: `npx tsx scripts/test.ts [test files…]`.
 *
 * A Postgres given by TEST_POSTGRES_URL (its superuser's URL) is used as it is.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { locate } from './stack/locate.ts'
import { startPostgres } from './stack/postgres.ts'

/** Nothing here has to survive a power cut. */
const THROW_AWAY = { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
const FORWARDED = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const root = path.resolve(import.meta.dirname, '..')
process.exitCode = await testOnThrowAwayServers(process.argv.slice(2))

async function testOnThrowAwayServers(files: readonly string[]): Promise<number> {
  const directory = mkdtempSync(path.join(tmpdir(), 'tidemark-test-'))
  const given = process.env.TEST_POSTGRES_URL
  const postgres =
    given === undefined ? await startPostgres({ directory, settings: THROW_AWAY }) : undefined
  try {
    return await runTap(files, {
      TEST_POSTGRES_URL: given ?? postgres?.superuserUrl,
      TEST_NATS_BIN: process.env.NATS_SERVER_BIN ?? locate('nats-server'),
    })
  } finally {
    await postgres?.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

function runTap(files: readonly string[], servers: NodeJS.ProcessEnv): Promise<number> {
  const tap = path.join(root, 'node_modules', '.bin', 'tap')
  const child = spawn(tap, [...files], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...servers },
  })
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? 1))
  })
}
