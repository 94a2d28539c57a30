import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { problemsOf } from '../../../domain/registry/server-json.ts'
import { createNatsMessageBus } from '../../../infra/nats/message-bus.ts'
import { runRelay } from '../../../infra/nats/relay.ts'
import { findSource } from '../../../projections/registry/sources.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { runSyncSchedule } from '../../../services/registry/jobs.ts'
import { runRegistryReactor } from '../../../services/registry/reactor.ts'
import { ensureStarterSource, STARTER_FILE } from '../../../services/registry/starter-source.ts'
import { type MirrorWorldOptions, mirrorWorld, TENANT } from '../../support/mirror-world.ts'
import { freshNats } from '../../support/nats.ts'
import { startUpstream, upstreamEntry } from '../../support/upstream.ts'
import { waitFor } from '../../support/wait-for.ts'

async function runningSystem(t: Test, options?: MirrorWorldOptions) {
  const { url } = await freshNats(t)
  const stop = new AbortController()
  let parts: Promise<void>[] = []
  const world = await mirrorWorld(
    {
      teardown: (close) =>
        t.teardown(async () => {
          stop.abort()
          await Promise.all(parts)
          await bus[Symbol.asyncDispose]()
          await close()
        }),
    },
    options,
  )
  const bus = createNatsMessageBus({ url, logger: silent })
  const { signal } = stop
  const shared = { bus, logger: silent, metrics: noMetrics }
  parts = [
    runRelay({ store: world.deps.events, signal, ...shared }),
    runRegistryReactor({ ...world.deps, ...shared }, signal),
    runSyncSchedule({ ...world.deps, tickMs: 100 }, signal),
  ]
  const source = (sourceId: string) => findSource(world.deps.db, TENANT, sourceId)
  return { world, source }
}

t.test(
  'a source that was added is synced by itself, and a removed one leaves nothing',
  async (t) => {
    const upstream = await startUpstream(t)
    upstream.list([
      upstreamEntry('io.example/one', '1.0.0'),
      upstreamEntry('io.example/two', '1.0.0'),
    ])
    const { world, source } = await runningSystem(t)
    await world.add('main', upstream.url)
    await waitFor(
      'the first sync',
      async () => (await source('main'))?.run_status === 'completed',
      30_000,
    )
    await world.caughtUp()
    t.equal((await world.entries()).size, 2)
    t.match(await source('main'), { run_trigger: 'schedule', added: 2 })

    await world.command({ type: 'RemoveSource', sourceId: 'main', now: new Date().toISOString() })
    await waitFor('the entries to go', async () => (await world.entries()).size === 0, 30_000)
    t.same(await world.entryEvents(), { CatalogueEntryAdded: 2, CatalogueEntryRemoved: 2 })
  },
)

t.test('a source that cannot be started keeps no other one from its schedule', async (t) => {
  const upstream = await startUpstream(t)
  upstream.list([upstreamEntry('io.example/one', '1.0.0')])
  const { world, source } = await runningSystem(t)
  // Listed, although its stream does not know it: every tick fails to start it.
  await world.pool.query(
    `insert into read.registry_sources
       (tenant_id, source_id, name, kind, location, sync_interval_seconds, added_at,
        pages, bytes, added, changed, removed, unchanged, invalid, refused, duration_ms)
     values ('another', 'bad', 'bad', 'official', 'http://127.0.0.1:1', 60, '2026-01-01',
        0, 0, 0, 0, 0, 0, 0, 0, 0)`,
  )
  await world.add('main', upstream.url)
  await waitFor('the sync', async () => (await source('main'))?.run_status === 'completed', 30_000)
  await world.command({ type: 'RemoveSource', sourceId: 'main', now: new Date().toISOString() })
  await waitFor('the entries to go', async () => (await world.entries()).size === 0, 30_000)
})

t.test('a run whose process died is found and carried on', async (t) => {
  const upstream = await startUpstream(t)
  upstream.list([upstreamEntry('io.example/one', '1.0.0')])
  const { world, source } = await runningSystem(t, { limits: { leaseMs: 1_500 } })
  const key = { tenantId: TENANT, sourceId: 'main' }
  const runId = '8d2f6b1e-54a5-4d9c-8a55-6f1c1a6d3f15'
  t.ok(await world.deps.ledger.claim(key, runId, 1_500), 'the claim of a process that then died')
  await world.add('main', upstream.url)
  await waitFor('the sync', async () => (await source('main'))?.run_status === 'completed', 30_000)
  t.match(await source('main'), { added: 1 })
})

t.test(
  'the starter catalogue is valid, added once, and stays away when it was removed',
  async (t) => {
    const world = await mirrorWorld(t, { builtIn: { starter: fileURLToPath(STARTER_FILE) } })
    await ensureStarterSource(world.deps, TENANT)
    await ensureStarterSource(world.deps, TENANT)
    const run = await world.sync('starter')
    t.match(run, { run_status: 'completed', invalid: 0, refused: 0, failure_code: null })
    const entries = [...(await world.entries())]
    t.ok(new Set(entries.map(([key]) => key.split('@')[0])).size >= 30, 'thirty servers')
    for (const [key, entry] of entries)
      t.same(problemsOf((entry as { server: unknown }).server), [], key)
    const everything = entries.filter(([key]) => key.includes('/server-everything@'))
    t.ok(everything.length > 1, 'with an older version to update from')

    await world.command({
      type: 'RemoveSource',
      sourceId: 'starter',
      now: new Date().toISOString(),
    })
    await ensureStarterSource(world.deps, TENANT)
    await world.caughtUp()
    t.equal(await findSource(world.deps.db, TENANT, 'starter'), undefined)
  },
)
