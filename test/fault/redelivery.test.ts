import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { createNatsMessageBus } from '../../infra/nats/message-bus.ts'
import { createReadFreshness } from '../../infra/projector/read-freshness.ts'
import { createSyncLedger } from '../../infra/registry/sync-ledger.ts'
import { createUpstreamRegistry } from '../../infra/registry/upstream-registry.ts'
import { runInstallerReactor } from '../../services/installer/reactor.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { runRegistryReactor } from '../../services/registry/reactor.ts'
import { DEFAULT_SYNC_LIMITS } from '../../services/registry/sync-limits.ts'
import { assertEffectsOnce } from '../support/faults/effects.ts'
import { emptyLedger } from '../support/faults/ledger.ts'
import type { Random } from '../support/faults/random.ts'
import { everySeed, timeForSeeds } from '../support/faults/seeds.ts'
import { shakenBus } from '../support/faults/shaken-bus.ts'
import { faultStage } from '../support/faults/stage.ts'
import { installerParts } from '../support/installer-world.ts'
import { mcpPackage } from '../support/mcp-package.ts'
import { startNpmRegistry } from '../support/npm-registry.ts'
import { startUpstream, upstreamEntry } from '../support/upstream.ts'
import { waitFor } from '../support/wait-for.ts'

const LISTED = 40
const SYNCS = 3
/** The first sync is asked for when the source is added, and carried out when reactors run. */
const LISTED_WITHIN_MS = 30_000
const SECONDS = 3 * 60

timeForSeeds(SECONDS)

const npm = await startNpmRegistry(t, [mcpPackage('1.0.0')])
const upstream = await startUpstream(t)
const stage = await faultStage(t)
const program = await stage.start({ TIDEMARK_ROLES: 'api,gateway,relay,projector,jobs' })
await program.json('/v1/registry/sources', {
  body: { sourceId: 'test', name: 'test', kind: 'official', location: upstream.url },
})

t.test('messages that come several times and in another order do their work once', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    await startReactors(t, random)
    for (let round = 0; round < SYNCS; round++) await syncAnotherListing(random)
    const installationId = await waitFor('an installation', install, LISTED_WITHIN_MS)
    await assertEffectsOnce(t, stage.store)
    await stage.assertTruth(t, emptyLedger())
    t.match(await program.json(`/v1/installations/${installationId}`), { status: 'installed' })
  }),
)

t.test('it ends in order', (t) => stage.assertNothingLeft(t, program))

/** The program's own, on a bus that shakes, until the test ends. */
async function startReactors(t: Test, random: Random): Promise<void> {
  const bus = shakenBus(
    createNatsMessageBus({ url: stage.nats.url, logger: silent }),
    random,
    randomUUID(),
  )
  const { store, dataDirectory: dataDir, databaseUrl: appUrl, pool } = stage
  const parts = await installerParts({ store, appUrl, dataDir, npm: npm.npm })
  const freshness = createReadFreshness({ pool })
  const registry = createUpstreamRegistry({ http: { allowPrivate: true }, files: { roots: [] } })
  const sync = {
    ...{ events: store, db: parts.db, freshness, upstream: registry },
    ...{ ledger: createSyncLedger(pool), limits: DEFAULT_SYNC_LIMITS },
    ...{ now: () => new Date(), logger: silent, metrics: noMetrics },
  }
  const stopping = new AbortController()
  const running = Promise.all([
    runRegistryReactor({ ...sync, bus }, stopping.signal),
    runInstallerReactor({ ...parts, bus }, stopping.signal),
  ])
  t.teardown(async () => {
    stopping.abort()
    await running
    await bus[Symbol.asyncDispose]()
    await freshness[Symbol.asyncDispose]()
    await registry[Symbol.asyncDispose]()
    await parts.pool.end()
  })
}

/** @returns its id, once the catalogue lists the server. */
async function install(): Promise<string | undefined> {
  const body = { server: 'io.test/tiny', source: 'test' }
  const answer = await program.request('/v1/installations', { body })
  const { installationId } = (await answer.json()) as { readonly installationId?: string }
  return installationId
}

/** A new listing, and until it is mirrored one sync after the other: some find another one running. */
async function syncAnotherListing(random: Random): Promise<void> {
  const packages = [
    {
      registryType: 'npm',
      identifier: 'tiny-server',
      version: '1.0.0',
      transport: { type: 'stdio' },
    },
  ]
  const tiny = upstreamEntry('io.test/tiny', '1.0.0', { server: { packages } })
  const first = random.integer(LISTED)
  const others = Array.from({ length: LISTED }, (_, index) =>
    upstreamEntry(`io.test/server-${first + index}`, '1.0.0', {
      server: { description: `Number ${random.integer(3)}.` },
    }),
  )
  upstream.list([tiny, ...others])
  const before = await changes()
  await waitFor(
    'the listing to be mirrored',
    async () => {
      await program.json('/v1/registry/sources/test/sync', { body: {} })
      return (await changes()) > before
    },
    LISTED_WITHIN_MS,
  )
}

async function changes(): Promise<number> {
  let count = 0
  const types = ['CatalogueEntryAdded', 'CatalogueEntryChanged', 'CatalogueEntryRemoved']
  for await (const { data } of stage.store.readAll({ types }))
    count += data.sourceId === 'test' ? 1 : 0
  return count
}
