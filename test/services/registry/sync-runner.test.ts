import t from 'tap'
import { newestEntryPosition } from '../../../projections/registry/mirror-state.ts'
import { correlationId } from '../../../services/kernel/correlation.ts'
import type { RecordedEvent } from '../../../services/ports/event-store.ts'
import { runSync } from '../../../services/registry/sync-runner.ts'
import { mirrorWorld, TENANT } from '../../support/mirror-world.ts'
import {
  answerJson,
  startUpstream,
  type UpstreamEntry,
  upstreamEntry,
} from '../../support/upstream.ts'
import { waitFor } from '../../support/wait-for.ts'

const byKey = (entries: readonly UpstreamEntry[]) =>
  new Map(entries.map((entry) => [`${entry.server.name}@${entry.server.version}`, entry]))

const manyEntries = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    upstreamEntry(`io.example/server-${String(index).padStart(3, '0')}`, '1.0.0'),
  )

t.test('a sync mirrors what the upstream lists, and the next one records nothing', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t)
  const entries = manyEntries(250)
  upstream.list(entries)
  await world.add('main', upstream.url)

  t.match(await world.sync('main'), { run_status: 'completed', added: 250, pages: 3 })
  t.same(await world.entries(), byKey(entries))

  t.match(await world.sync('main'), { added: 0, changed: 0, removed: 0, unchanged: 250 })
  t.same(await world.entryEvents(), { CatalogueEntryAdded: 250 })
})

t.test('every real change is one event, also where the upstream moves no date', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t)
  const before = manyEntries(150)
  upstream.list(before)
  await world.add('main', upstream.url)
  await world.sync('main')

  const rewritten = upstreamEntry('io.example/server-001', '1.0.0', { server: { packages: [] } })
  const noLonger = upstreamEntry('io.example/server-002', '1.0.0', {
    official: { isLatest: false },
  })
  const next = upstreamEntry('io.example/server-002', '2.0.0', {
    official: { updatedAt: '2025-11-01T00:00:00.5Z', publishedAt: '2025-11-01T00:00:00.5Z' },
  })
  const nameless = { server: { description: 'nobody' } }
  const invalid = upstreamEntry('io.example/odd', '1.0.0', { server: { repository: {} } })
  const after = [...before.slice(0, 1), rewritten, noLonger, next, ...before.slice(4), invalid]
  upstream.list([...after, nameless, after[0]])

  const run = await world.sync('main')
  t.match(run, { added: 2, changed: 2, removed: 1, invalid: 1, refused: 1 })
  t.same(await world.entries(), byKey(after))
  t.same(await world.entryEvents(), {
    CatalogueEntryAdded: 152,
    CatalogueEntryChanged: 2,
    CatalogueEntryRemoved: 1,
  })
  const { rows } = await world.pool.query(
    `select data::json -> 'changedFields' as fields from log.events
     where type = 'CatalogueEntryChanged' order by data`,
  )
  t.same(rows.map(({ fields }) => fields).sort(), [
    ['_meta.io.modelcontextprotocol.registry/official'],
    ['packages'],
  ])
  t.match(await world.sync('main'), { added: 0, changed: 0, removed: 0 })
})

t.test('what left the upstream can come back', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t)
  const [one, two] = manyEntries(2) as [UpstreamEntry, UpstreamEntry]
  await world.add('main', upstream.url)
  for (const listed of [[one, two], [one], [one, two]]) {
    upstream.list(listed)
    await world.sync('main')
    t.same(await world.entries(), byKey(listed))
  }
  t.same(await world.entryEvents(), { CatalogueEntryAdded: 3, CatalogueEntryRemoved: 1 })
})

t.test(
  'an upstream that suddenly lists nothing is not believed unless the caller insists',
  async (t) => {
    const upstream = await startUpstream(t)
    const world = await mirrorWorld(t)
    const entries = manyEntries(3)
    upstream.list(entries)
    await world.add('main', upstream.url)
    await world.sync('main')

    upstream.list([])
    t.match(await world.sync('main'), { run_status: 'failed', failure_code: 'upstream-shrank' })
    t.same(await world.entries(), byKey(entries))
    t.match(await world.sync('main', true), { run_status: 'completed', removed: 3 })
  },
)

t.test('of two sources that list the same version, the older one is believed', async (t) => {
  const [old, young] = [await startUpstream(t), await startUpstream(t)]
  const world = await mirrorWorld(t)
  const [fromOld, fromYoung] = ['old', 'young'].map((description) =>
    upstreamEntry('io.example/same', '1.0.0', { server: { description } }),
  ) as [UpstreamEntry, UpstreamEntry]
  old.list([fromOld])
  young.list([fromYoung])
  await world.add('old', old.url)
  await world.add('young', young.url)
  await world.sync('young')
  t.same((await world.entries()).get('io.example/same@1.0.0'), fromYoung)
  await world.sync('old')
  t.same((await world.entries()).get('io.example/same@1.0.0'), fromOld)
  old.list([])
  await world.sync('old', true)
  t.same((await world.entries()).get('io.example/same@1.0.0'), fromYoung)
})

t.test('a run that lost its process is carried on without doubling anything', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t)
  const entries = manyEntries(300)
  upstream.list(entries)
  await world.add('main', upstream.url)
  const runId = '8d2f6b1e-54a5-4d9c-8a55-6f1c1a6d3f10'
  const now = new Date().toISOString()
  await world.command({
    ...{ type: 'StartSync', sourceId: 'main', runId, trigger: 'request', acceptShrink: false, now },
  })
  const key = { tenantId: TENANT, sourceId: 'main' }
  const stop = new AbortController()
  let pages = 0
  const upstreamThatStops = {
    ...world.deps.upstream,
    fetchPage: async (...given: Parameters<typeof world.deps.upstream.fetchPage>) => {
      if (++pages === 3) {
        await waitFor('something to be recorded', async () => {
          return ((await world.entryEvents()).CatalogueEntryAdded ?? 0) > 0
        })
        stop.abort()
      }
      return world.deps.upstream.fetchPage(...given)
    },
  }
  await t.rejects(
    runSync({ ...world.deps, upstream: upstreamThatStops }, key, runId, stop.signal),
    { name: 'SyncPostponedError' },
  )
  t.equal(await runSync(world.deps, key, runId, new AbortController().signal), 'done')
  await world.caughtUp()
  t.same(await world.entryEvents(), { CatalogueEntryAdded: 300 })
  t.same(await world.entries(), byKey(entries))
  t.equal(await runSync(world.deps, key, runId, new AbortController().signal), 'idle')
})

t.test('after a run that failed half-way, unchanged pages are known again', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t)
  const key = { tenantId: TENANT, sourceId: 'main' }
  const [first, ...others] = manyEntries(250) as [UpstreamEntry, ...UpstreamEntry[]]
  upstream.list([first, ...others])
  await world.add('main', upstream.url)
  await world.sync('main')

  const changed = upstreamEntry('io.example/server-000', '1.0.0', { server: { title: 'New' } })
  upstream.misbehave((_request, response, url) => {
    if (url.searchParams.has('cursor')) response.writeHead(500).end()
    else
      answerJson(response, {
        servers: [changed, ...others.slice(0, 99)],
        metadata: { count: 100, nextCursor: '100' },
      })
  })
  t.match(await world.sync('main'), { run_status: 'failed', changed: 1 })

  upstream.misbehave(undefined)
  upstream.list([changed, ...others])
  t.match(await world.sync('main'), { run_status: 'completed', changed: 0, unchanged: 250 })
  const walk = await world.deps.ledger.lastWalk(key)
  t.equal(walk?.pages.length, 3)
  t.equal(walk?.cataloguePosition, await newestEntryPosition(world.deps.db, key))
})

t.test('all that a run records and logs belongs to the request that asked for it', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t)
  upstream.list(manyEntries(1))
  await world.add('main', upstream.url)
  const runId = '8d2f6b1e-54a5-4d9c-8a55-6f1c1a6d3f13'
  const now = new Date().toISOString()
  await world.command({
    ...{ type: 'StartSync', sourceId: 'main', runId, trigger: 'request', acceptShrink: false, now },
  })
  const ids = new Set<string | undefined>()
  const noting = {
    ...world.deps.upstream,
    fetchPage: (...given: Parameters<typeof world.deps.upstream.fetchPage>) => {
      ids.add(correlationId())
      return world.deps.upstream.fetchPage(...given)
    },
  }
  const key = { tenantId: TENANT, sourceId: 'main' }
  const { signal } = new AbortController()
  await runSync({ ...world.deps, upstream: noting }, key, runId, signal)
  t.same([...ids], ['test'])
  const events: RecordedEvent[] = []
  for await (const event of world.deps.events.readAll()) events.push(event)
  const started = events.find(({ type }) => type === 'RegistrySyncStarted')
  t.same(
    events
      .slice(1 + events.findIndex(({ type }) => type === 'RegistrySyncStarted'))
      .map(({ type, correlationId, causationId }) => ({ type, correlationId, causationId })),
    ['CatalogueEntryAdded', 'RegistrySyncCompleted'].map((type) => ({
      ...{ type, correlationId: 'test', causationId: started?.eventId },
    })),
  )
})

t.test('a source is worked on by one process at a time', async (t) => {
  const world = await mirrorWorld(t)
  const key = { tenantId: TENANT, sourceId: 'main' }
  t.ok(await world.deps.ledger.claim(key, '8d2f6b1e-54a5-4d9c-8a55-6f1c1a6d3f11', 60_000))
  const stop = new AbortController().signal
  t.equal(await runSync(world.deps, key, '8d2f6b1e-54a5-4d9c-8a55-6f1c1a6d3f12', stop), 'busy')
})

t.test('an entry that the news changed and its page did not is read again', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t)
  const [one] = manyEntries(1) as [UpstreamEntry]
  upstream.list([one])
  await world.add('main', upstream.url)
  await world.sync('main')
  const flicker = upstreamEntry('io.example/server-000', '1.0.0', { server: { title: 'New' } })
  upstream.misbehave((_request, response, url) => {
    const servers = [url.searchParams.has('updated_since') ? flicker : one]
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ servers, metadata: { count: 1 } }))
  })
  await world.sync('main')
  t.same((await world.entries()).get('io.example/server-000@1.0.0'), one)
})
