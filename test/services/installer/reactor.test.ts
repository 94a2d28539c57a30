import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, realpathSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import type { Configuration } from '../../../domain/installer/events.ts'
import { installation, installationStream } from '../../../domain/installer/installation.ts'
import type { InstallationCommand } from '../../../domain/installer/installation-commands.ts'
import { createNatsMessageBus } from '../../../infra/nats/message-bus.ts'
import { createPool, createReadDatabase } from '../../../infra/postgres/pool.ts'
import { readModels, type Tables } from '../../../projections/read-models.ts'
import { driveInstallation, runInstallerReactor } from '../../../services/installer/reactor.ts'
import { correlationId } from '../../../services/kernel/correlation.ts'
import { execute, load } from '../../../services/kernel/execute.ts'
import type { RecordedEvent } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { dataDirectory, installerParts } from '../../support/installer-world.ts'
import { mcpPackage, misfits } from '../../support/mcp-package.ts'
import { freshNats } from '../../support/nats.ts'
import { startNpmRegistry } from '../../support/npm-registry.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { projected } from '../../support/projected.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'

const registry = await startNpmRegistry(t, [
  ...['1.0.0', '1.1.0', '1.2.0', '1.3.0'].map((version) => mcpPackage(version)),
  ...Object.values(misfits),
])
const dataDir = dataDirectory(t)
const { store, pool, appUrl } = await freshPostgresStore(t)
const parts = await installerParts({
  ...{ store, appUrl, dataDir, npm: registry.npm },
  probeTimeoutMs: 5_000,
})
t.teardown(() => parts.pool.end())
const skip = parts.sandbox.status.available ? false : parts.sandbox.status.reason

const context = { tenantId: 'acme', actorId: 'test', correlationId: 'test', causationId: 'test' }
const { signal } = new AbortController()
const plain: Configuration = { environment: {}, arguments: [], secretNames: [], network: 'none' }
const now = '2026-01-02T03:04:05.000Z'

const send = (command: InstallationCommand) =>
  execute(store, installation, installationStream('acme', command.installationId), command, context)

async function drive(installationId: string) {
  await driveInstallation(parts, { tenantId: 'acme', installationId }, signal)
  return (await load(store, installation, installationStream('acme', installationId))).state
}

async function installPackage(identifier: string, version = '1.0.0') {
  const installationId = randomUUID()
  await send({
    type: 'InstallServer',
    ...{ installationId, now, version, attemptId: randomUUID(), sourceId: 'test' },
    ...{ serverName: `io.test/${identifier}`, configuration: plain },
    target: { kind: 'npm', identifier, version },
  })
  return { installationId, state: await drive(installationId) }
}

async function update(installationId: string, version: string, identifier = 'tiny-server') {
  await send({
    type: 'UpdateServer',
    ...{ installationId, now, version, attemptId: randomUUID(), allowBreaking: false },
    target: { kind: 'npm', identifier, version },
  })
  return drive(installationId)
}

async function eventsOf(installationId: string): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = []
  for await (const event of store.readStream(installationStream('acme', installationId)))
    events.push(event)
  return events
}

const eventTypes = async (installationId: string) =>
  (await eventsOf(installationId)).map(({ type }) => type)

const home = (installationId: string) => path.join(dataDir, 'servers/acme', installationId)
const entries = (folder: string) => (existsSync(folder) ? readdirSync(folder) : [])

t.test(
  'an install goes through six stages and ends with a verified server',
  { skip },
  async (t) => {
    const { installationId, state } = await installPackage('tiny-server')
    t.match(state, {
      status: 'installed',
      active: { version: '1.0.0', tools: ['echo', 'env', 'version'] },
    })
    t.same(await eventTypes(installationId), [
      'InstallationRequested',
      ...Array.from({ length: 6 }, () => [
        'InstallationStageStarted',
        'InstallationStageCompleted',
      ]).flat(),
      'ServerInstalled',
    ])
    if (state.status !== 'installed' || state.active.runtime.kind !== 'npm') return
    t.equal(
      realpathSync(path.join(home(installationId), 'current')),
      realpathSync(path.join(dataDir, state.active.runtime.directory)),
    )
    t.same(entries(path.join(home(installationId), 'staging')), [])
  },
)

const failures = [
  ['not-a-server', 'verify', 'not-an-mcp-server'],
  ['flooding', 'verify', 'server-flooded'],
  ['silent', 'verify', 'verify-timeout'],
  ['without-bin', 'install', 'no-executable'],
  ['bad-integrity', 'install', 'integrity-mismatch'],
  ['git-dependency', 'resolve', 'dependency-refused'],
] as const
for (const [identifier, stage, code] of failures)
  t.test(`${identifier} fails at ${stage} as ${code} and leaves nothing`, { skip }, async (t) => {
    const { installationId, state } = await installPackage(identifier)
    t.equal(state.status, 'failed')
    t.match((await eventsOf(installationId)).at(-1), {
      type: 'InstallationFailed',
      data: { stage, code },
    })
    t.same(entries(path.join(home(installationId), 'versions')), [])
    t.same(entries(path.join(home(installationId), 'staging')), [])
  })

t.test('an update that fails leaves the old version active', { skip }, async (t) => {
  const { installationId } = await installPackage('tiny-server')
  await send({
    type: 'UpdateServer',
    ...{ installationId, now, version: '1.9.9', attemptId: randomUUID(), allowBreaking: false },
    target: { kind: 'npm', identifier: 'tiny-server', version: '1.9.9' },
  })
  const state = await drive(installationId)
  t.match(state, { status: 'installed', active: { version: '1.0.0' } })
  t.equal((await eventTypes(installationId)).at(-1), 'ServerUpdateFailed')
  t.equal(entries(path.join(home(installationId), 'versions')).length, 1)
})

t.test('three versions are kept, and a rollback needs no package registry', { skip }, async (t) => {
  const { installationId } = await installPackage('tiny-server')
  for (const version of ['1.1.0', '1.2.0', '1.3.0']) await update(installationId, version)
  t.equal(entries(path.join(home(installationId), 'versions')).length, 3)
  const asked = registry.requests.length
  const started = performance.now()
  await send({ type: 'RollBack', installationId, version: '1.1.0', now })
  const state = await drive(installationId)
  t.ok(performance.now() - started < 1_000, 'in less than a second')
  t.equal(registry.requests.length, asked)
  t.match(state, { active: { version: '1.1.0' } })
  if (state.status !== 'installed' || state.active.runtime.kind !== 'npm') return
  t.ok(await parts.artifacts.verifyTree(state.active.runtime))
  t.equal(
    realpathSync(path.join(home(installationId), 'current')),
    realpathSync(path.join(dataDir, state.active.runtime.directory)),
  )
})

t.test('uninstalling removes files and secrets', { skip }, async (t) => {
  const { installationId } = await installPackage('tiny-server')
  await parts.secrets.put('acme', installationId, 'TOKEN', 'value')
  await send({ type: 'Uninstall', installationId, now })
  await drive(installationId)
  t.notOk(existsSync(home(installationId)))
  t.same(await parts.secrets.reveal('acme', installationId), {})
})

/** It fails at its first stage: nothing of it needs the machine. */
const withoutSandbox = {
  ...parts,
  sandbox: { status: { available: false, reason: 'none here' } },
} as const

async function requested(correlationId: string): Promise<string> {
  const installationId = randomUUID()
  const command: InstallationCommand = {
    type: 'InstallServer',
    ...{ installationId, now, version: '1.0.0', attemptId: randomUUID(), sourceId: 'test' },
    ...{ serverName: 'io.test/tiny-server', configuration: plain },
    target: { kind: 'npm', identifier: 'tiny-server', version: '1.0.0' },
  }
  const stream = installationStream('acme', installationId)
  await execute(store, installation, stream, command, { ...context, correlationId })
  return installationId
}

t.test('all that an attempt records and logs belongs to the request for it', async (t) => {
  const installationId = await requested('request-7')
  await parts.secrets.put('acme', installationId, 'TOKEN', 'value')
  const ids: (string | undefined)[] = []
  const artifacts = {
    ...parts.artifacts,
    discard: async () => void ids.push(correlationId()),
  }
  const ref = { tenantId: 'acme', installationId }
  await driveInstallation({ ...withoutSandbox, artifacts }, ref, signal)
  t.same(await parts.secrets.reveal('acme', installationId), {}, 'a failed one keeps no secret')
  const [request, ...others] = await eventsOf(installationId)
  t.match(others.at(-1), { type: 'InstallationFailed' })
  for (const { type, correlationId, causationId } of others)
    t.same([correlationId, causationId], ['request-7', request?.eventId], type)
  t.same(ids, ['request-7'])
})

t.test('a database that is away at the start is asked again what is left to do', async (t) => {
  const installationId = await requested('request-8')
  const freshness = projected(t, store, pool, readModels)
  t.ok(await freshness.waitFor(await store.head(), 10_000))
  const proxy = await tcpProxy(t, appUrl)
  const proxiedPool = createPool(proxy.urlOf(appUrl))
  const { url } = await freshNats(t)
  // Nobody publishes: what is driven was found in the database.
  const bus = createNatsMessageBus({ url, logger: silent })
  const stop = new AbortController()
  let failures = 0
  const logger = { ...silent, warn: () => void failures++ }
  const db = createReadDatabase<Tables>(proxiedPool)
  await proxy.cut()
  const running = runInstallerReactor({ ...withoutSandbox, db, bus, logger }, stop.signal)
  t.teardown(async () => {
    stop.abort()
    await running
    await bus[Symbol.asyncDispose]()
    await proxiedPool.end()
  })
  await waitFor('the database to be missed', () => failures > 0)
  await proxy.restore()
  await waitFor('the attempt to be over', async () =>
    (await eventTypes(installationId)).includes('InstallationFailed'),
  )
})
