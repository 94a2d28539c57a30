import t from 'tap'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import { type WorkflowsTables, workflows } from '../../../projections/workflows/workflows.ts'
import { prepareToParse } from '../../../services/workflows/parse-document.ts'
import { workflowRoutes } from '../../../services/workflows/routes.ts'
import { testApp } from '../../support/app.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { projected } from '../../support/projected.ts'

prepareToParse()
const { store, pool } = await freshPostgresStore(t)
const freshness = projected(t, store, pool, [workflows])
const routes = workflowRoutes({
  events: store,
  db: createReadDatabase<WorkflowsTables>(pool),
  commands: new Set(['sync']),
  now: () => new Date('2026-01-02T03:04:05.000Z'),
})
const { inject } = await testApp(t, routes, { freshness, actorId: 'key-1' })

const W = '/v1/workflows'
const source = (name: string, version: string, body = 'do: [ { a: { call: sync } } ]') =>
  `# by hand\ndocument: { dsl: 1.0.3, namespace: team, name: ${name}, version: ${version} }\n${body}\n`

async function apply(payload: string | Buffer, query = '', type = 'application/yaml') {
  const headers = { 'content-type': type }
  const answer = await inject({ method: 'POST', url: `${W}${query}`, payload, headers })
  return { status: answer.statusCode, ...answer.json() }
}

async function get(url: string, actor = {}) {
  const answer = await inject({ url }, actor)
  const isJson = String(answer.headers['content-type']).includes('json')
  return { status: answer.statusCode, ...(isJson ? answer.json() : { text: answer.body }) }
}

async function change(method: 'POST' | 'DELETE', url: string) {
  const answer = await inject({ method, url })
  return { status: answer.statusCode, ...answer.json() }
}

t.test('a document is applied once, shown as it was written, and revised', async (t) => {
  const first = await apply(source('nightly', '1.0.0'))
  t.match(first, { status: 200, workflow: 'team.nightly', version: '1.0.0', outcome: 'defined' })
  const again = await apply(source('nightly', '1.0.0'))
  t.match(again, { outcome: 'unchanged', hash: first.hash, position: first.position })

  const second = await apply(source('nightly', '1.1.0'))
  t.match(second, { outcome: 'revised' })
  const shown = await get(`${W}/team.nightly?atLeast=${second.position}`)
  t.match(shown, { workflow: 'team.nightly', version: '1.1.0', enabled: true, owner: 'key-1' })
  t.match(await get(`${W}/team.nightly/versions`), {
    items: [
      { version: '1.0.0', current: false },
      { version: '1.1.0', current: true },
    ],
  })
  t.equal((await get(`${W}/team.nightly/source`)).text, source('nightly', '1.1.0'))
  t.equal((await get(`${W}/team.nightly/source?version=1.0.0`)).text, source('nightly', '1.0.0'))
  t.match(await get(`${W}/team.nightly/source?version=9.0.0`), { code: 'workflow-not-found' })
  t.match(await get(`${W}/team.nightly/source?version=%00`), {
    ...{ status: 400, code: 'invalid-parameters' },
  })
})

t.test('JSON is taken, too', async (t) => {
  const header = { dsl: '1.0.3', namespace: 'team', name: 'json', version: '1.0.0' }
  const document = JSON.stringify({ document: header, do: [] })
  t.match(await apply(document, '', 'application/json'), { outcome: 'defined' })
  t.match(await apply(document, '', 'text/plain'), { status: 415 })
})

t.test('a dry run checks everything and records nothing', async (t) => {
  t.match(await apply(source('dry', '1.0.0'), '?dryRun=true'), { status: 200, outcome: 'defined' })
  t.match(await get(`${W}/team.dry`), { status: 404, code: 'workflow-not-found' })
})

t.test('what cannot be applied says why', async (t) => {
  await apply(source('fixed', '1.0.0'))
  t.match(await apply(source('fixed', '1.0.0', 'do: []')), {
    ...{ status: 409, code: 'workflow-version-exists' },
  })
  t.match(await apply(source('wrong', '1.0.0', 'do: [ { a: { call: drop } } ]')), {
    ...{ status: 422, code: 'workflow-invalid' },
    errors: [
      { pointer: '/do/0/a/call', detail: /^line 3, column 14: there is no function "drop"/ },
    ],
  })
  t.match(await apply('x'.repeat(5_000_000)), { status: 413 })
  t.match(await apply(Buffer.from([0xff, 0xfe])), { status: 400, code: 'malformed-text' })
  t.match(await apply(''), { status: 422 })
})

t.test('a schedule is switched on and off, also before it first counts', async (t) => {
  const off = await apply(
    source('scheduled', '1.0.0', 'schedule: { cron: 0 3 * * * }\ndo: []'),
    '?enabled=false',
  )
  const path = `${W}/team.scheduled`
  t.match(await get(`${path}?atLeast=${off.position}`), {
    ...{ enabled: false, schedule: { cron: '0 3 * * *' }, timeZone: 'UTC' },
  })
  const on = await change('POST', `${path}/enable`)
  t.match(await get(`${path}?atLeast=${on.position}`), { enabled: true })
  t.equal((await change('POST', `${path}/enable`)).position, on.position, 'twice is once')
  const disabled = await change('POST', `${path}/disable`)
  t.match(await get(`${path}?atLeast=${disabled.position}`), { enabled: false })
})

t.test('a workflow is drawn, in both formats', async (t) => {
  await apply(source('drawn', '1.0.0'))
  const svg = await inject({ url: `${W}/team.drawn/diagram` })
  t.match(svg.headers['content-type'], 'image/svg+xml')
  t.match(svg.body, '<title id="title">team.drawn 1.0.0</title>')
  const mermaid = await inject({ url: `${W}/team.drawn/diagram?format=mermaid&version=1.0.0` })
  t.match(mermaid.body, 'flowchart TD\n  n0["a<br/>call sync"]')
  t.match(await get(`${W}/team.drawn/diagram?version=2.0.0`), { status: 404 })
  t.match(await get(`${W}/team.drawn/diagram?format=png`), { status: 400 })
})

t.test('a removed workflow is gone from the list', async (t) => {
  await apply(source('gone', '1.0.0'))
  const { position } = await change('DELETE', `${W}/team.gone`)
  const { items } = await get(`${W}?limit=100&atLeast=${position}`)
  t.notOk(items.some(({ workflow }: { workflow: string }) => workflow === 'team.gone'))
  t.ok(items.length > 1)
  t.match(await change('POST', `${W}/team.gone/enable`), { status: 404 })
})

t.test('another tenant sees none of it, and a key needs the scope', async (t) => {
  const { position } = await apply(source('mine', '1.0.0'))
  const url = `${W}/team.mine?atLeast=${position}`
  t.match(await get(url), { status: 200 })
  t.match(await get(url, { tenantId: 'other' }), { status: 404 })
  t.match(await get(url, { scopes: ['audit:read'] }), { status: 403 })
  t.match(await get(`${W}/nonsense`), { status: 400 })
})
