import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdirSync, realpathSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { installation, installationStream } from '../../domain/installer/installation.ts'
import type { InstallationCommand } from '../../domain/installer/installation-commands.ts'
import { nodeArguments } from '../../infra/node-program.ts'
import { execute, load } from '../../services/kernel/execute.ts'
import type { Random } from './faults/random.ts'
import { AT_LENGTH, everySeed, timeForSeeds } from './faults/seeds.ts'
import type { InstallerJob } from './installer-process.ts'
import { dataDirectory, installerParts } from './installer-world.ts'
import { mcpPackage } from './mcp-package.ts'
import { startNpmRegistry } from './npm-registry.ts'
import { freshPostgresStore } from './postgres-store.ts'

// kill -9 of the installing process at random moments: nothing is lost, doubled or half-installed.

const PROCESS = import.meta.resolve('./installer-process.ts')
const LANES = AT_LENGTH ? 2 : 1
const MOST_KILLS = 2
/** Shorter than an install takes, so that most lives end in the middle of one. */
const LONGEST_LIFE_MS = 2_500
const SECONDS = 3 * 40

timeForSeeds(SECONDS)

const context = { tenantId: 'acme', actorId: 'test', correlationId: 'test', causationId: 'test' }
const now = '2026-01-02T03:04:05.000Z'
const registry = await startNpmRegistry(t, [mcpPackage('1.0.0'), mcpPackage('1.1.0')])
const dataDir = dataDirectory(t)
const { store, appUrl } = await freshPostgresStore(t)
const parts = await installerParts({ store, appUrl, dataDir, npm: registry.npm })
t.teardown(() => parts.pool.end())
const skip = parts.sandbox.status.available ? false : 'bubblewrap does not work on this machine'

const send = (command: InstallationCommand) =>
  execute(store, installation, installationStream('acme', command.installationId), command, context)

/** @returns true when the process ended by itself. */
async function driveFor(installationId: string, lifeMs: number | undefined): Promise<boolean> {
  const job: InstallerJob = { appUrl, dataDir, npm: registry.npm, installationId }
  const child = spawn(process.execPath, nodeArguments(PROCESS), {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, JOB: JSON.stringify(job) },
  })
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), exited])
  if (lifeMs !== undefined) {
    await Promise.race([delay(lifeMs), exited])
    child.kill('SIGKILL')
  }
  return (await exited) === 0
}

function target(version: string) {
  return { kind: 'npm', identifier: 'tiny-server', version } as const
}

async function request(installationId: string, kind: 'install' | 'update'): Promise<void> {
  await send({
    type: 'InstallServer',
    ...{ installationId, attemptId: randomUUID(), sourceId: 'test', serverName: 'io.test/tiny' },
    ...{ version: '1.0.0', target: target('1.0.0'), now },
    configuration: { environment: {}, arguments: [], secretNames: [], network: 'none' },
  })
  if (kind === 'install') return
  await driveFor(installationId, undefined)
  await send({
    type: 'UpdateServer',
    ...{ installationId, attemptId: randomUUID(), version: '1.1.0', target: target('1.1.0') },
    ...{ allowBreaking: false, now },
  })
}

/** Lanes side by side, each with an installation that is killed a few times. */
export function killTest(kind: 'install' | 'update'): void {
  void t.test(`an ${kind} that is killed is whole in the end`, { skip }, (t) =>
    everySeed(t, SECONDS, async (t, random) => {
      const lanes = Array.from({ length: LANES }, () => surviveKills(t, kind, random))
      const killed = (await Promise.all(lanes)).reduce((sum, one) => sum + one, 0)
      t.comment(`killed ${killed} times while it worked`)
    }),
  )
}

/** @returns how often a process was killed before it was done. */
async function surviveKills(t: Test, kind: 'install' | 'update', random: Random): Promise<number> {
  const installationId = randomUUID()
  await request(installationId, kind)
  const kills = 1 + random.integer(MOST_KILLS)
  let done = false
  let killed = 0
  for (; killed < kills && !done; killed += done ? 0 : 1)
    done = await driveFor(installationId, random.integer(LONGEST_LIFE_MS))
  t.ok(done || (await driveFor(installationId, undefined)), 'it goes on after the restart')
  await checkWhole(t, installationId)
  return killed
}

async function checkWhole(t: Test, installationId: string): Promise<void> {
  const { state } = await load(store, installation, installationStream('acme', installationId))
  const home = path.join(dataDir, 'servers/acme', installationId)
  t.same(entries(home, 'staging'), [], 'nothing half-done is left')
  if (state.status !== 'installed') {
    // Killed too often at one stage, an attempt is given up: then it is as if it never was.
    t.equal(state.status, 'failed')
    t.same(entries(home, 'versions'), [])
    return
  }
  const alive = [state.active, ...state.kept]
  t.same(entries(home, 'versions'), alive.map(({ attemptId }) => attemptId).sort())
  t.equal(
    realpathSync(path.join(home, 'current')),
    realpathSync(path.join(home, 'versions', state.active.attemptId)),
  )
  for (const { runtime } of alive)
    t.ok(
      runtime.kind === 'npm' && (await parts.artifacts.verifyTree(runtime)),
      'every byte is right',
    )
}

function entries(home: string, folder: string): string[] {
  try {
    return readdirSync(path.join(home, folder)).sort()
  } catch {
    return []
  }
}
