import { writeFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { emptyDatabase } from '../support/database.ts'
import { installFake } from '../support/installed-fake.ts'
import { beginSession, callInSession, callStateless, textOf } from '../support/mcp-calls.ts'
import { freshNats } from '../support/nats.ts'
import { newDataDirectory, startTidemark, type TidemarkProcess } from '../support/program.ts'
import { snapshotOf } from '../support/snapshot.ts'
import { waitFor } from '../support/wait-for.ts'

// Two processes that do the same, beside one that does the rest.
t.setTimeout(240_000)

const SOURCES = 12

const database = await emptyDatabase(t)
const nats = await freshNats(t)
const dataDirectory = newDataDirectory(t)
const snapshot = path.join(dataDirectory, 'snapshot.json')
writeFileSync(snapshot, JSON.stringify(snapshotOf('io.example/replicas', '1.0.0')))

const started = (roles: string) =>
  startTidemark(t, {
    ...{ databaseUrl: database.appUrl, databaseOwnerUrl: database.ownerUrl },
    ...{ natsUrl: nats.url, dataDirectory },
    environment: {
      ...{ TIDEMARK_ROLES: roles, SANDBOX: 'none', REGISTRY_FILE_ROOTS: dataDirectory },
      METRICS_PUBLIC: '1',
    },
  })

const rest = await started('api,projector,relay,jobs')
const [one, other] = await Promise.all([started('gateway,reactors'), started('gateway,reactors')])
const { installationId, directories } = await installFake(database.appUrl, dataDirectory)
const [older, active] = directories

t.test('a session that was begun at one gateway is served and ended by another', async (t) => {
  const session = await beginSession(one, installationId)
  for (const gateway of [other, one]) {
    const answer = await callInSession(gateway, installationId, session, 'where')
    t.equal(path.basename(await textOf(answer)), active)
  }
  const end = { method: 'DELETE', headers: session } as const
  t.equal((await other.request(`/mcp/${installationId}`, end)).status, 204)
  await waitFor('both to know it', async () => {
    const answers = await Promise.all(
      [one, other].map((gateway) => callInSession(gateway, installationId, session, 'where')),
    )
    return answers.every(({ status }) => status === 404)
  })
  t.ok((await beginSession(one, installationId))['mcp-session-id'], 'a client begins another one')
})

t.test('a rollback by the API counts for every gateway', async (t) => {
  const where = async (gateway: TidemarkProcess) =>
    path.basename(await textOf(callStateless(gateway, installationId, 'where')))
  t.same(await Promise.all([one, other].map(where)), [active, active])
  await rest.json(`/v1/installations/${installationId}/rollback`, { body: {} })
  for (const gateway of [one, other])
    await waitFor('the older version', async () => (await where(gateway)) === older)
})

t.test('reactors share the work, each run is done once, and one goes on alone', async (t) => {
  await mirror('shared')
  const shares = await Promise.all([one, other].map(syncs))
  t.ok(
    shares.every((each) => each > 0),
    `each did its share: ${shares}`,
  )
  one.signal('SIGKILL')
  await one.exited
  await mirror('alone')
  t.ok((await syncs(other)) > (shares[1] ?? 0), 'the other one goes on')

  const completed = await waitFor('each run to end', async () => {
    const ended = await runsOf('RegistrySyncCompleted')
    return ended.length === (await runsOf('RegistrySyncStarted')).length && ended
  })
  t.equal(new Set(completed).size, completed.length, 'and none twice')
  t.equal((await eventsOf('CatalogueEntryAdded')).length, 2 * SOURCES, 'and did its work once')
})

/** Adds sources, and waits until each is synced. */
async function mirror(name: string): Promise<void> {
  const before = (await mirroredSources()).size
  await Promise.all(
    Array.from({ length: SOURCES }, async (_, n) => {
      const sourceId = `${name}-${n}`
      const source = { sourceId, name: sourceId, kind: 'file', location: snapshot }
      await rest.json('/v1/registry/sources', { body: source })
      await rest.request(`/v1/registry/sources/${sourceId}/sync`, { method: 'POST' })
    }),
  )
  // What was on its way to a reactor that was killed is found by the schedule, after some seconds.
  await waitFor(
    'the syncs',
    async () => (await mirroredSources()).size === before + SOURCES,
    60_000,
  )
}

type Item = { readonly data: { readonly sourceId: string; readonly runId: string } }

/** Without those of the source that every system begins with. */
async function eventsOf(type: string): Promise<readonly Item[]> {
  const { items } = await rest.json<{ items: readonly Item[] }>(
    `/v1/events?types=${type}&limit=1000`,
  )
  return items.filter(({ data }) => /^(shared|alone)-/.test(data.sourceId))
}

async function mirroredSources(): Promise<ReadonlySet<string>> {
  return new Set((await eventsOf('RegistrySyncCompleted')).map(({ data }) => data.sourceId))
}

async function runsOf(type: string): Promise<string[]> {
  return (await eventsOf(type)).map(({ data }) => data.runId)
}

/** How many this process has carried out. */
async function syncs(reactors: TidemarkProcess): Promise<number> {
  const metrics = await (await reactors.request('/metrics')).text()
  const counts = [...metrics.matchAll(/^tidemark_syncs_seconds_count\S* (\d+)$/gm)]
  return counts.reduce((sum, [, count]) => sum + Number(count), 0)
}
