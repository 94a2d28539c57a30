import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t, { type Test } from 'tap'
import { registryRoutes } from '../../../services/registry/routes.ts'
import { runSync } from '../../../services/registry/sync-runner.ts'
import { testApp } from '../../support/app.ts'
import { type MirrorWorldOptions, mirrorWorld, TENANT } from '../../support/mirror-world.ts'
import { startUpstream, upstreamEntry } from '../../support/upstream.ts'

async function setUp(t: Test, options?: MirrorWorldOptions) {
  const world = await mirrorWorld(t, options)
  const { inject } = await testApp(t, registryRoutes(world.deps), {
    freshness: world.deps.freshness,
  })
  const post = async (url: string, payload?: object) => {
    const answer = await inject({ method: 'POST', url, ...(payload ? { payload } : {}) })
    return { status: answer.statusCode, body: answer.json(), headers: answer.headers }
  }
  const get = async (url: string) => {
    const answer = await inject({ url })
    return { status: answer.statusCode, body: answer.json() }
  }
  return { world, inject, post, get }
}

const SOURCES = '/v1/registry/sources'

t.test('a source is added, synced, looked at and removed', async (t) => {
  const upstream = await startUpstream(t)
  upstream.list([upstreamEntry('io.example/one', '1.0.0')])
  const { world, inject, post, get } = await setUp(t)
  const body = { sourceId: 'main', name: 'Main', kind: 'official', location: upstream.url }

  const added = await post(SOURCES, body)
  t.match(added, { status: 201, body: { sourceId: 'main' } })
  t.equal(added.headers.location, `${SOURCES}/main`)
  t.equal((await post(SOURCES, body)).status, 201, 'repeating it is no fault')
  t.match(await post(SOURCES, { ...body, name: 'Another' }), {
    status: 409,
    body: { code: 'source-exists' },
  })

  const started = await post(`${SOURCES}/main/sync`)
  t.equal(started.status, 202)
  t.equal(
    (await post(`${SOURCES}/main/sync`, {})).body.runId,
    started.body.runId,
    'the run in progress is the answer',
  )
  const { position } = started.body
  t.match(await get(`${SOURCES}/main?atLeast=${position}`), { body: { status: 'syncing' } })

  const key = { tenantId: TENANT, sourceId: 'main' }
  await runSync(world.deps, key, started.body.runId, new AbortController().signal)
  await world.caughtUp()
  t.match(await get(`${SOURCES}/main`), {
    body: {
      status: 'healthy',
      entries: 1,
      lastRun: { runId: started.body.runId, status: 'completed', trigger: 'request' },
      lastTotals: { added: 1, pages: 1 },
    },
  })
  t.match(await get(SOURCES), { body: { items: [{ sourceId: 'main' }] } })

  const removed = await inject({ method: 'DELETE', url: `${SOURCES}/main` })
  t.equal(removed.statusCode, 200)
  const gone = `${SOURCES}/main?atLeast=${removed.json().position}`
  t.match(await get(gone), { status: 404, body: { code: 'source-not-found' } })
})

t.test('progress is visible while a run goes on', async (t) => {
  const { world, get } = await setUp(t)
  await world.add('main', 'http://127.0.0.1:9')
  await world.caughtUp()
  const key = { tenantId: TENANT, sourceId: 'main' }
  const runId = '8d2f6b1e-54a5-4d9c-8a55-6f1c1a6d3f13'
  await world.deps.ledger.claim(key, runId, 60_000)
  const counts = { pages: 3, bytes: 4, entries: 300, added: 5, changed: 1, removed: 0 }
  await world.deps.ledger.report(key, runId, { phase: 'walk', ...counts }, 60_000)
  t.match(await get(`${SOURCES}/main`), { body: { progress: { runId, phase: 'walk', ...counts } } })
})

t.test('only what the operator allows can become a source', async (t) => {
  const outside = mkdtempSync(path.join(tmpdir(), 'tidemark-outside-'))
  const allowed = mkdtempSync(path.join(tmpdir(), 'tidemark-allowed-'))
  t.teardown(() => {
    for (const folder of [outside, allowed]) rmSync(folder, { recursive: true })
  })
  writeFileSync(path.join(outside, 'secret.json'), '[]')
  writeFileSync(path.join(allowed, 'snapshot.json'), '\uFEFF[]')
  symlinkSync(path.join(outside, 'secret.json'), path.join(allowed, 'link.json'))
  const { post } = await setUp(t, { fileRoots: [allowed], http: { allowPrivate: false } })
  const add = (kind: string, location: string) => post(SOURCES, { name: 'x', kind, location })

  t.equal((await add('file', path.join(allowed, 'snapshot.json'))).status, 201)
  t.match(await add('file', path.join(allowed, 'absent.json')), {
    status: 422,
    body: { code: 'file-not-found' },
  })
  for (const location of [
    path.join(outside, 'secret.json'),
    path.join(outside, 'absent.json'),
    path.join(allowed, '../', path.basename(outside), 'secret.json'),
    path.join(allowed, 'link.json'),
    'snapshot.json',
    '/etc/passwd',
    `${allowed}-evil/x.json`,
  ])
    t.match(await add('file', location), { status: 422, body: { code: 'file-refused' } }, location)
  for (const location of [
    'http://127.0.0.1/',
    'http://localhost@127.0.0.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://169.254.169.254/',
    'http://10.0.0.1/',
    'http://0.0.0.0/',
    'https://user:secret@registry.example/',
    'file:///etc/passwd',
    'gopher://registry.example/',
    'registry.example',
  ])
    t.match(
      await add('official', location),
      { status: 422, body: { code: 'upstream-address-refused' } },
      location,
    )
})

t.test('a snapshot file is a source, with a byte order mark, as a list or wrapped', async (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'tidemark-files-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const world = await mirrorWorld(t, { fileRoots: [folder] })
  const file = path.join(folder, 'snapshot.json')
  const one = upstreamEntry('io.example/one', '1.0.0')
  writeFileSync(file, `\uFEFF${JSON.stringify([one])}`)
  await world.add('file', file, 'file')
  t.match(await world.sync('file'), { run_status: 'completed', added: 1 })
  writeFileSync(file, JSON.stringify({ servers: [one] }))
  t.match(await world.sync('file'), { added: 0, changed: 0, unchanged: 1 })
  rmSync(file)
  t.match(await world.sync('file'), { run_status: 'failed', failure_code: 'file-not-found' })
  t.equal((await world.entries()).size, 1)
})

t.test('bad requests are refused with a problem', async (t) => {
  const { post, get } = await setUp(t)
  t.match(await post(`${SOURCES}/nobody/sync`), { status: 404, body: { code: 'source-not-found' } })
  t.match(await get(`${SOURCES}/nobody`), { status: 404 })
  t.match(await get(`${SOURCES}/No%2F`), { status: 400 })
  t.match(await get(`${SOURCES}?cursor=x`), { status: 400, body: { code: 'bad-cursor' } })
  for (const payload of [
    {},
    { name: 'x', kind: 'rss', location: 'http://a.example' },
    { name: 'x', kind: 'official', location: 'http://a.example', surprise: 1 },
    { name: 'x', kind: 'official', location: 'http://a.example', syncIntervalSeconds: 1 },
  ])
    t.match(await post(SOURCES, payload), { status: 422, body: { code: 'invalid-body' } })
})
