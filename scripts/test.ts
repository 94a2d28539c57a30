/**
 * Runs the tests on throw-away servers: `npx tsx scripts/test.ts [test files…]`.
 *
 * A Postgres given by TEST_POSTGRES_URL (its superuser's URL) is used as it is.
 */
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'
import path from 'node:path'
import { endLeftovers, RUN_VARIABLE } from './stack/cut-off-run.ts'
import { startPostgres } from './stack/postgres.ts'
import { provide } from './stack/provide.ts'
import { say, sentenceFor } from './stack/say.ts'
import { allTestFiles, runTestFiles, type Totals } from './stack/test-files.ts'
import { BUBBLEWRAP, NATS_SERVER } from './stack/tools.ts'

/** Nothing here has to survive a power cut, or to take much room. */
const THROW_AWAY = {
  ...{ fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' },
  max_wal_size: '256MB',
}
/** Hundreds of databases are made and dropped; on a disk that can take longer than all that is tested. */
const MEMORY = '/dev/shm'
const ROOM_BYTES = 4 * 2 ** 30
const STOPPING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const root = path.resolve(import.meta.dirname, '..')

try {
  process.exitCode = await testOnThrowAwayServers(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`${sentenceFor(error)}\n`)
  process.exitCode = 1
}

async function testOnThrowAwayServers(files: readonly string[]): Promise<number> {
  const toolsDirectory = path.join(root, '.data', 'tools')
  const options = { environment: process.env, toolsDirectory, say }
  const natsServer = provide(NATS_SERVER, options)
  const bubblewrap = provide(BUBBLEWRAP, options)
  const directory = mkdtempSync(path.join(tmpdir(), 'tidemark-test-'))
  const databases = mkdtempSync(path.join(hasRoomInMemory() ? MEMORY : tmpdir(), 'tidemark-test-'))
  const given = process.env.TEST_POSTGRES_URL
  const postgres =
    given === undefined
      ? await startPostgres({ directory: databases, settings: THROW_AWAY })
      : undefined
  const stopped = new AbortController()
  for (const signal of STOPPING) process.on(signal, () => stopped.abort())
  try {
    const run = randomUUID()
    const totals = await runTestFiles(files.length > 0 ? files : allTestFiles(root), {
      ...{ root, directory, say, signal: stopped.signal },
      environment: {
        ...process.env,
        TEST_POSTGRES_URL: given ?? postgres?.superuserUrl,
        TEST_NATS_BIN: natsServer,
        BWRAP_BIN: bubblewrap,
        [RUN_VARIABLE]: run,
      },
    })
    for (const name of endLeftovers(run)) say(`Ended what a test left running: ${name}`)
    return conclude(totals)
  } finally {
    await postgres?.stop()
    for (const each of [directory, databases]) rmSync(each, { recursive: true, force: true })
  }
}

function hasRoomInMemory(): boolean {
  try {
    const { bavail, bsize } = statfsSync(MEMORY)
    return Math.min(bavail * bsize, freemem()) >= ROOM_BYTES
  } catch {
    return false
  }
}

/** The last line is for programs: how many assertions passed and how many failed. */
function conclude({ passed, failed, skipped }: Totals): number {
  const nothingRan = passed + failed === 0
  if (nothingRan) say('No test ran.')
  if (skipped > 0) say(`${skipped} skipped`)
  say(`${passed} passed, ${failed} failed`)
  return nothingRan || failed > 0 ? 1 : 0
}
