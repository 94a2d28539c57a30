import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { tidemark as cli } from '../support/cli.ts'
import { emptyDatabase } from '../support/database.ts'
import { callStateless, textOf } from '../support/mcp-calls.ts'
import { choosyPackage, failingPackage, mcpPackage } from '../support/mcp-package.ts'
import { freshNats } from '../support/nats.ts'
import { startNpmRegistry } from '../support/npm-registry.ts'
import { newDataDirectory, type RequestOptions, startTidemark } from '../support/program.ts'
import { startUpstream, upstreamEntry } from '../support/upstream.ts'
import { waitFor } from '../support/wait-for.ts'

// The shipped workflows and the rule that rolls back, applied by the command line and carried out by
// the real program: packages, servers and calls are real, and the registries are on this machine.
t.setTimeout(900_000)

const OVERLOADED = 'Too much is going on'
const EXAMPLES = path.resolve(import.meta.dirname, '../../infra/examples')
/** It tells a hang, also on a machine with ten other things to do. */
const PATIENCE_MS = 240_000

type Event = {
  readonly id: string
  readonly type: string
  readonly position: string
  readonly data: Readonly<Record<string, unknown>>
}

let listed: Readonly<Record<string, readonly string[]>> = {}

const registry = await startNpmRegistry(t, [
  mcpPackage('1.0.0', 'test-quay'),
  ...['1.0.0', '1.1.0', '1.2.0'].map((version) => mcpPackage(version, 'test-ledger')),
  failingPackage('2.0.0', 'test-ledger'),
  ...['1.0.0', '1.1.0'].map((version) => mcpPackage(version, 'test-harbour')),
  failingPackage('1.2.0', 'test-harbour'),
  choosyPackage('1.0.0', 'test-choosy', ['TEAM', 'green']),
])
const upstream = await startUpstream(t)
const database = await emptyDatabase(t)
const nats = await freshNats(t)
const files = newDataDirectory(t)
list({ quay: ['1.0.0'], choosy: ['1.0.0'], ledger: ['1.0.0'], harbour: ['1.0.0'] })
const tidemark = await startTidemark(t, {
  ...{ databaseUrl: database.appUrl, databaseOwnerUrl: database.ownerUrl, natsUrl: nats.url },
  environment: {
    ALLOW_PRIVATE_UPSTREAMS: '1',
    npm_config_registry: registry.url,
    npm_config_cache: path.join(files, 'npm'),
  },
})
const commandLine = { TIDEMARK_URL: tidemark.address, TIDEMARK_API_KEY: tidemark.key }

const official = { sourceId: 'main', name: 'main', kind: 'official', location: upstream.url }
await json('/v1/registry/sources', { body: official })
await synced()
const quay = await installed('quay')
const ledger = await installed('ledger')
const harbour = await installed('harbour')
await Promise.all([quay, ledger, harbour].map((id) => until(id, '1.0.0')))

t.test('the examples are applied from their folders', async (t) => {
  const folder = path.join(files, 'workflows')
  mkdirSync(folder)
  for (const file of readdirSync(path.join(EXAMPLES, 'workflows'))) {
    const text = readFileSync(path.join(EXAMPLES, 'workflows', file), 'utf8')
    writeFileSync(path.join(folder, file), withServers(text, [quay, ledger, harbour]))
  }
  const applied = await run('workflows', 'apply', '-f', folder, '--yes', '--disabled')
  t.match(applied, /Applied/)
  const rules = path.join(EXAMPLES, 'rules')
  t.match(await run('rules', 'apply', '-f', rules, '--yes'), /Applied/)
})

t.test('servers are updated one after the other, and each is called', async (t) => {
  list({ ledger: ['1.0.0', '1.1.0'], harbour: ['1.0.0', '1.1.0'] })
  const answer = await run('workflows', 'run', 'examples.nightly-updates', '--json')
  const { runId } = JSON.parse(answer) as { runId: string }
  t.match(await ended(runId), { status: 'completed' })
  for (const id of [ledger, harbour]) t.equal(await answerOf(id), '1.1.0')
  t.equal(await answerOf(quay), '1.0.0', 'where there is no update, the others have theirs')

  const positionOf = async (type: string, id: string) => {
    const found = (await events(type)).find(({ data }) => data.installationId === id)
    return BigInt(found?.position ?? 0)
  }
  t.ok(
    (await positionOf('ServerUpdateRequested', harbour)) >
      (await positionOf('ServerUpdated', ledger)),
    'the second one begins when the first one is done',
  )
  t.match(await run('runs', 'show', runId), /verify/)
})

t.test('when one of them does not answer any more, all are rolled back', async (t) => {
  list({ ledger: ['1.0.0', '1.1.0', '1.2.0'], harbour: ['1.0.0', '1.1.0', '1.2.0'] })
  const runId = await begun('nightly-updates')
  t.match(await ended(runId), { status: 'faulted', error: { status: 422, detail: 'broken' } })
  const rolledBack = await events('InstallationRolledBack')
  t.same(
    rolledBack.map(({ data: { installationId, from, to } }) => ({ installationId, from, to })),
    [harbour, ledger].map((installationId) => ({ installationId, from: '1.2.0', to: '1.1.0' })),
    'the last one first',
  )
  for (const id of [ledger, harbour]) t.equal(await answerOf(id), '1.1.0')
})

t.test('a version is put to use once another key has agreed', async (t) => {
  list({ ledger: ['1.0.0', '1.1.0', '1.2.0', '2.0.0'] })
  await synced()
  const runId = await begun('publish-approval', {
    ...{ installationId: ledger, version: '2.0.0', allowBreaking: true },
  })
  const step = await waitFor(
    'the question',
    async () => {
      type Open = { readonly step: number; readonly waitsFor?: string }
      const { open } = await json<{ open: Open[] }>(`/v1/workflow-runs/${runId}`)
      return open.find(({ waitsFor }) => waitsFor === 'approval')?.step
    },
    PATIENCE_MS,
  )
  const answer = (key: string) =>
    tidemark.request(`/v1/workflow-runs/${runId}/approvals`, {
      ...{ key, body: { step, decision: 'approve' } },
    })
  const reader = await issued('workflows:read')
  t.equal((await answer(reader.key)).status, 403, 'who may not agree is refused')
  const other = await issued('workflows:read', 'installations:write')
  t.equal((await answer(other.key)).status, 202)
  t.match(await ended(runId), { status: 'completed' })
  await until(ledger, '2.0.0')
})

t.test('the rule rolls back what fails after its update, and says why', async (t) => {
  await run('rules', 'enable', 'Roll back when errors rise after an update')
  await waitFor(
    'enough failing calls',
    async () => {
      await Promise.all(Array.from({ length: 5 }, () => callStateless(tidemark, ledger, 'version')))
      return (await events('InstallationRolledBack')).length === 3
    },
    PATIENCE_MS,
  )
  const rolledBack = (await events('InstallationRolledBack')).at(-1)
  t.match(rolledBack, { data: { installationId: ledger, from: '2.0.0', to: '1.1.0' } })
  t.equal(await answerOf(ledger), '1.1.0')

  type Why = { readonly causes: readonly Event[] }
  const { causes } = await json<Why>(`/v1/events/${rolledBack?.id}/why`)
  t.match(
    causes.slice(0, 2).map(({ type }) => type),
    ['RulesEvaluated', 'ToolCalled'],
    'the rollback follows from what the rules said about a call',
  )
  const why = await run('rules', 'why', causes[1]?.id ?? '')
  t.match(why, /^matched +Roll back when errors rise after an update, version 1$/m)
  t.match(why, /count\(.*= \d\d/)
})

t.test('teams get a server each, or none of them', async (t) => {
  const all = await ended(await begun('onboarding', { server: 'io.test/quay', version: '1.0.0' }))
  t.match(all, { status: 'completed' })
  const given = (all.output as { readonly installations: readonly string[] }).installations
  t.equal(new Set(given).size, 3)
  const teams = given.map(async (id) =>
    textOf(callStateless(tidemark, id, 'env', { name: 'TEAM' })),
  )
  t.same(await Promise.all(teams), ['red', 'blue', 'green'])

  const none = await ended(
    await begun('onboarding', { server: 'io.test/choosy', version: '1.0.0' }),
  )
  t.match(none, { status: 'faulted', error: { status: 409, title: 'not installed' } })
  t.match((await events('CompensationCompleted')).at(-1)?.data, { failed: [] })
  const idsOf = async (type: string, fields: object = {}) =>
    (await events(type))
      .filter(({ data }) => Object.entries(fields).every(([name, value]) => data[name] === value))
      .map(({ data }) => data.installationId)
      .sort()
  const asked = await idsOf('InstallationRequested', { serverName: 'io.test/choosy' })
  t.equal(asked.length, 3)
  t.same(await idsOf('ServerUninstalled'), asked)
})

t.test(
  'a run whose key is revoked does nothing more, and says what it could not take back',
  async (t) => {
    const look = { call: 'check-update', with: { installationId: quay } }
    const transport = { http: { endpoint: `http://tidemark/mcp/${quay}` } }
    const tool = { call: 'mcp', with: { method: 'tools/list', transport } }
    const { keyId, key } = await issued('workflows:write', 'installations:write', 'tools:call')
    await json('/v1/workflows', {
      body: {
        document: { dsl: '1.0.3', namespace: 'examples', name: 'revoked', version: '1.0.0' },
        do: [
          { first: { ...look, metadata: { 'tidemark.compensate': look } } },
          { listed: tool },
          { hear: { listen: { to: { one: { with: { type: 'go.on' } } } } } },
          { careful: { try: [{ again: tool }], catch: { errors: { with: { status: 403 } } } } },
          { last: look },
        ],
      },
    })
    const { runId } = await json('/v1/workflows/examples.revoked/runs', { key, body: {} })
    const place = `/v1/workflow-runs/${runId}`
    type Open = { readonly open: readonly { readonly waitsFor?: string }[] }
    await waitFor(
      'the run to listen',
      async () => (await json<Open>(place)).open.some(({ waitsFor }) => waitsFor === 'event'),
      PATIENCE_MS,
    )
    await json(`/v1/keys/${keyId}`, { method: 'DELETE' })
    await json(`${place}/events`, { body: { type: 'go.on' } })
    const error = { status: 403, type: /authorization$/, instance: '/do/4/last' }
    t.match(await ended(String(runId)), { status: 'faulted', error })
    const told = (await events('TaskFaulted')).filter(({ data }) => data.runId === runId)
    t.same(
      told.map(({ data }) => (data.error as { status: number }).status),
      [403, 403, 403],
      'the call of the server, the command, and what would take it back',
    )
    const compensated = (await events('CompensationCompleted')).at(-1)
    t.match(compensated?.data, { runId, failed: [Number] })
  },
)

/** What the upstream lists from now on, besides what it listed before. */
function list(versions: Readonly<Record<string, readonly string[]>>): void {
  listed = { ...listed, ...versions }
  const updatedAt = new Date().toISOString()
  upstream.list(
    Object.entries(listed).flatMap(([name, all]) =>
      all.map((version) => {
        const isLatest = version === all.at(-1)
        const server = { packages: [packageOf(name, version)] }
        return upstreamEntry(`io.test/${name}`, version, {
          server,
          official: { updatedAt, isLatest },
        })
      }),
    ),
  )
}

function packageOf(name: string, version: string) {
  return {
    ...{ registryType: 'npm', identifier: `test-${name}`, version },
    transport: { type: 'stdio' },
    environmentVariables: [{ name: 'TEAM' }],
  }
}

/** The first example names its servers in the document. */
function withServers(text: string, installations: readonly string[]): string {
  const servers = installations.map(
    (id) => `          - { installationId: ${id}, tool: version, arguments: {} }\n`,
  )
  return text.replace(/( +servers:\n)(?: {10,}.*\n)+/, `$1${servers.join('')}`)
}

/** By the command line. */
async function run(...args: readonly string[]): Promise<string> {
  for (;;) {
    const { code, stdout, stderr } = await cli(args, commandLine)
    if (code === 0) return stdout
    if (!stderr.includes(OVERLOADED)) throw new Error(`tidemark ${args.join(' ')}: ${stderr}`)
  }
}

/** What is refused on a busy machine was not done, and is asked again. @throws when it is refused otherwise. */
async function json<Answer = Record<string, unknown>>(
  place: string,
  options?: RequestOptions,
): Promise<Answer> {
  for (;;) {
    const answer = await tidemark.request(place, options)
    if (answer.ok) return (await answer.json()) as Answer
    const text = await answer.text()
    if (!text.includes(OVERLOADED)) throw new Error(`${place}: ${answer.status} ${text}`)
  }
}

async function begun(example: string, input: object = {}): Promise<string> {
  const { runId } = await json(`/v1/workflows/examples.${example}/runs`, { body: { input } })
  return String(runId)
}

function ended(runId: string): Promise<Record<string, unknown>> {
  const over = ['completed', 'faulted', 'cancelled']
  return waitFor(
    'the run to end',
    async () => {
      const view = await json(`/v1/workflow-runs/${runId}`)
      return over.includes(String(view.status)) ? view : undefined
    },
    PATIENCE_MS,
  )
}

async function synced(): Promise<void> {
  const completed = async () =>
    (await events('RegistrySyncCompleted')).filter(({ data }) => data.sourceId === 'main')
  const before = (await completed()).length
  await json('/v1/registry/sources/main/sync', { method: 'POST' })
  const position = await waitFor(
    'the sync',
    async () => {
      const all = await completed()
      return all.length > before && all.at(-1)?.position
    },
    PATIENCE_MS,
  )
  await json(`/v0.1/servers?limit=1&atLeast=${position}`)
}

async function installed(name: string): Promise<string> {
  const body = { server: `io.test/${name}`, version: '1.0.0', source: 'main' }
  const { installationId, position } = await json('/v1/installations', { body })
  await json(`/v1/installations/${installationId}?atLeast=${position}`)
  return String(installationId)
}

async function until(installationId: string, version: string): Promise<void> {
  await waitFor(
    `version ${version}`,
    async () => (await json(`/v1/installations/${installationId}`)).version === version,
    PATIENCE_MS,
  )
}

/** What the tool `version` of the server says, through the gateway. */
function answerOf(installationId: string): Promise<string> {
  return textOf(callStateless(tidemark, installationId, 'version'))
}

async function events(type: string): Promise<readonly Event[]> {
  const { items } = await json<{ items: Event[] }>(`/v1/events?types=${type}&limit=1000`)
  return items
}

type Issued = { readonly keyId: string; readonly key: string }

function issued(...scopes: readonly string[]): Promise<Issued> {
  return json<Issued>('/v1/keys', { body: { name: scopes.join(), scopes } })
}
