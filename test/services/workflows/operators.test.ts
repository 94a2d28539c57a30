import t from 'tap'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import {
  type WorkflowRunsTables,
  workflowRuns,
} from '../../../projections/workflows/workflow-runs.ts'
import { type WorkflowsTables, workflows } from '../../../projections/workflows/workflows.ts'
import { feedRoutes } from '../../../services/audit/feed-routes.ts'
import { silent } from '../../../services/ports/logger.ts'
import { runWorkflowSchedule } from '../../../services/workflows/jobs.ts'
import { prepareToParse } from '../../../services/workflows/parse-document.ts'
import { workflowRoutes } from '../../../services/workflows/routes.ts'
import { runReads } from '../../../services/workflows/run-read-routes.ts'
import { runRoutes } from '../../../services/workflows/run-routes.ts'
import { workflowSecretRoutes } from '../../../services/workflows/secret-routes.ts'
import { testApp } from '../../support/app.ts'
import { tidemark } from '../../support/cli.ts'
import { json, startOther } from '../../support/other-system.ts'
import { projected } from '../../support/projected.ts'
import { waitFor } from '../../support/wait-for.ts'
import { standing, WORKFLOW_OWNER } from '../../support/workflow-parts.ts'
import { workflowWorld } from '../../support/workflow-world.ts'

const header = (name: string) =>
  `document: { dsl: 1.0.3, namespace: test, name: ${name}, version: 1.0.0 }\n`

t.test('what operators see of runs', async (t) => {
  prepareToParse()
  const world = await workflowWorld(t)
  const freshness = projected(t, world.log, world.pool, [workflows, workflowRuns])
  const db = createReadDatabase<WorkflowsTables & WorkflowRunsTables>(world.pool)
  const { events, programs, now } = world
  const stopping = new AbortController()
  t.teardown(() => stopping.abort())
  const feed = {
    ...{ store: events, logger: silent, stopping: stopping.signal },
    timing: { heartbeatMs: 1_000, stallMs: 30_000, maxDurationMs: 600_000 },
    limits: { clients: 10, clientsPerKey: 10 },
  }
  const { app, inject, keyOf } = await testApp(
    t,
    async (app) => {
      await app.register(workflowRoutes({ events, db, commands: new Set(['one']), now }))
      await app.register(runReads({ events, db }))
      await app.register(runRoutes({ events, programs, now }))
      await app.register(feedRoutes(feed))
      await app.register(workflowSecretRoutes({ events, secrets: world.secrets, now }))
    },
    { freshness, actorId: WORKFLOW_OWNER.actorId },
  )
  const get = async (url: string, actor = {}) => (await inject({ url }, actor)).json()
  const apply = async (name: string, body: string) => {
    const headers = { 'content-type': 'application/yaml' }
    const payload = header(name) + body
    const answer = await inject({ method: 'POST', url: '/v1/workflows', payload, headers })
    if (answer.statusCode !== 200) throw new Error(answer.body)
  }
  const listed = (query: string, count: number) =>
    waitFor(`${count} runs`, async () => {
      const { items } = await get(`/v1/workflow-runs?limit=100&${query}`)
      return items?.length === count && items
    })
  await world.drive()

  await t.test('a run is listed, and each of its steps shown', async (t) => {
    await apply(
      'shown',
      `do:
  - first: { set: { n: "\${ .n + 1 }" } }
  - never: { if: .n > 10, set: { n: 0 } }
  - tell: { call: one, with: { n: "\${ .n }" } }
  - stay: { wait: PT1H }
`,
    )
    const runId = await world.begin('shown', { input: { n: 1 } })
    await world.waits(runId, 'time')
    t.match(await listed('workflow=test.shown&status=running', 1), [
      { runId, version: '1.0.0', trigger: 'request', owner: WORKFLOW_OWNER.actorId },
    ])
    t.same(await listed('status=completed', 0), [])

    const path = `/v1/workflow-runs/${runId}/steps`
    const { items } = await get(path)
    t.match(items, [
      { task: 'first', state: 'completed', input: { n: 1 }, output: { n: 2 }, attempt: 1 },
      { task: 'never', state: 'skipped' },
      { task: 'tell', state: 'completed', reference: '/do/2/tell' },
      { task: 'stay', state: 'running' },
    ])
    const page = await get(`${path}?limit=2`)
    t.match(page.items, [{ task: 'first' }, { task: 'never' }])
    t.same((await get(`${path}?limit=2&cursor=${page.nextCursor}`)).items, items.slice(2))
    t.match(await get(path, { tenantId: 'other' }), { code: 'run-not-found' })

    const url = `/v1/workflows/test.shown/diagram?run=${runId}`
    const { body } = await inject({ url })
    t.match(
      body,
      'first: set, completed; never: set, skipped; tell: call one, completed; stay: wait',
    )
    t.match(body, 'font-size="12">waiting<')
    const other = '11111111-1111-4111-8111-111111111111'
    t.match(await get(`/v1/workflows/test.shown/diagram?run=${other}`), { code: 'run-not-found' })

    await world.ask(runId, 'cancel')
    t.match(await listed('status=cancelled', 1), [{ runId, endedAt: /Z$/ }])
  })

  await t.test('what is retried shows each attempt', async (t) => {
    await apply(
      'again',
      `do:
  - careful:
      try: [ { fail: { raise: { error: { type: https://errors.example/broken, status: 500 } } } } ]
      catch: { retry: { delay: { milliseconds: 1 }, limit: { attempt: { count: 2 } } } }
`,
    )
    const runId = await world.begin('again')
    await world.until(runId, 'faulted')
    const { items } = await get(`/v1/workflow-runs/${runId}/steps`)
    t.match(items[0], { task: 'careful', state: 'faulted', attempts: [{ attempt: 2 }] })
    const failed = items.filter(({ task }: { task: string }) => task === 'fail')
    t.match(failed, [{ state: 'faulted', error: { status: 500 } }, { attempt: 2 }])
  })

  await t.test('a run is followed from its first event, and only where there is one', async (t) => {
    const stream = (actor = {}, id = '11111111-1111-4111-8111-111111111111') =>
      inject({ url: `/v1/workflow-runs/${id}/stream` }, actor)
    t.match((await stream()).json(), { status: 404, code: 'run-not-found' })
    await apply(
      'raced',
      `do:
  - race:
      fork:
        compete: true
        branches:
          - slow: { do: [ { stay: { wait: PT1H } } ] }
          - fast: { set: { won: true } }
`,
    )
    const runId = await world.begin('raced')
    await world.until(runId, 'completed')
    const { items } = await get(`/v1/workflow-runs/${runId}/steps`)
    const slow = items.filter(({ task }: { task: string }) => task === 'slow')
    t.match(slow, [{ state: 'cancelled', endedAt: /Z$/ }], 'who lost did not complete')
    const url = `/v1/workflows/test.raced/diagram?format=mermaid&run=${runId}`
    t.match((await inject({ url })).body, '"slow<br/>do<br/>cancelled"')
    t.match((await stream({ tenantId: 'other' }, runId)).json(), { code: 'run-not-found' })
  })

  await t.test('a run that is cancelled cancels the run that it waits for', async (t) => {
    const undo = `{ call: one, with: { was: "\${ $compensated.output.done }" } }`
    await apply(
      'lasting',
      `do:
  - first: { set: { done: 7 }, metadata: { tidemark.compensate: ${undo} } }
  - stay: { wait: PT9H }
`,
    )
    const inner = 'run: { workflow: { namespace: test, name: lasting, version: latest } }'
    await apply(
      'caring',
      `do: [ { t: { try: [ { inner: { ${inner} } } ], catch: { do: [ { a: { set: { b: 1 } } } ] } } } ]`,
    )
    const runId = await world.begin('caring')
    const [waitedFor] = await listed('workflow=test.lasting', 1)
    await world.waits(waitedFor.runId, 'time')
    await world.ask(runId, 'cancel')
    t.notMatch(await world.until(runId, 'cancelled'), { output: { b: 1 } })
    await world.until(waitedFor.runId, 'cancelled')
    t.match(
      world.effects.list().at(-1),
      { name: 'one', input: { was: 7 } },
      'and takes back what it did',
    )
    const race = `{ compete: true, branches: [ { inner: { ${inner} } }, { fast: { wait: { seconds: 1 } } } ] }`
    await apply('racing', `do: [ { race: { fork: ${race} } } ]`)
    await world.until(await world.begin('racing'), 'completed')
    await listed('workflow=test.lasting&status=cancelled', 2)
  })

  await t.test('runs are followed and steered from the command line', async (t) => {
    const address = await app.listen({ port: 0, host: '127.0.0.1' })
    const settings = { TIDEMARK_API_KEY: keyOf(), TIDEMARK_URL: address }
    const cli = (...args: string[]) => tidemark(args, settings)
    await apply('steered', 'do: [ { first: { set: { n: 1 } } }, { stay: { wait: PT1H } } ]')
    const begun = await cli('workflows', 'run', 'test.steered', '--input', '{"a":1}')
    t.match(begun, { code: 0, stdout: /^Run \S+ of test.steered/ })
    const [, runId = ''] = /^Run (\S+)/.exec(begun.stdout) ?? []
    await world.waits(runId, 'time')
    const watching = cli('runs', 'watch', runId)
    t.match(await cli('runs', 'show', runId), {
      code: 0,
      stdout: /1 +first +completed +1 .*\{"n":1\}/,
    })
    t.match(await cli('runs', 'cancel', runId), {
      code: 0,
      stdout: 'The run is being cancelled.\n',
    })
    t.match(await watching, {
      ...{ code: 1, stderr: 'The run did not complete.\n' },
      stdout: /WorkflowRunStarted\n.*TaskStarted +1 +\/do\/0\/first[\s\S]*RunCancelled\n$/,
    })
    await listed('workflow=test.steered&status=cancelled', 1)
    const shown = await cli('runs', 'list', '--workflow', 'test.steered')
    t.match(shown.stdout, new RegExp(`${runId} +cancelled .* test.steered 1.0.0`))
    t.match(await cli('runs', 'retry', runId.slice(0, 18)), {
      code: 0,
      stdout: 'The run goes on.\n',
    })
    t.match(await cli('runs', 'show', 'nothing'), { code: 3, stderr: /^No run's id begins/ })
  })

  await t.test('a call authenticates with a secret that nobody is shown', async (t) => {
    const other = await startOther(t)
    const value = 'ann:open-sesame'
    const url = '/v1/workflow-secrets/orders'
    const store = (origins: string[]) => inject({ method: 'PUT', url, payload: { value, origins } })
    t.equal((await store([])).statusCode, 422)
    t.equal((await store([other.base])).statusCode, 200)
    t.match(await get('/v1/workflow-secrets'), { items: [{ name: 'orders' }] })
    const echoed = (path: string, authentication: string) =>
      `{ call: http, with: { method: get, output: response, endpoint: { uri: "${path}", authentication: ${authentication} } } }`
    const use =
      'use: { secrets: [ orders ], authentications: { mine: { bearer: { use: orders } } } }'
    other.answers.set('/repeats', (response, { headers }) =>
      response.writeHead(200, { 'x-sent': headers.authorization }).end(headers.authorization),
    )
    const [bearer, basic] = ['{ use: mine }', '{ basic: { use: orders } }'].map((each) =>
      echoed(`${other.base}/repeats`, each),
    )
    await apply('secret', `${use}\ndo: [ { a: ${bearer} }, { b: ${basic} } ]`)
    const run = await world.until(await world.begin('secret'), 'completed')
    const encoded = Buffer.from(value).toString('base64')
    t.same(
      other.got.map(({ headers }) => headers.authorization),
      [`Bearer ${value}`, `Basic ${encoded}`],
    )
    t.match(run.output, { headers: { 'x-sent': 'Basic [secret]' } }, 'what repeats it')

    const elsewhere = other.base.replace('127.0.0.1', 'localhost')
    await apply(
      'lured',
      `${use}\ndo: [ { a: ${echoed(`${elsewhere}/repeats`, '{ use: mine }')} } ]`,
    )
    const lured = await world.until(await world.begin('lured'), 'faulted')
    t.match(lured.error, { status: 403, type: /authorization$/ })
    await inject({ method: 'DELETE', url })
    const gone = await world.until(await world.begin('secret'), 'faulted')
    t.match(gone.error, { status: 401, detail: 'There is no secret "orders".' })
    t.equal(other.got.length, 2)
    for await (const { type, data, raw } of events.readAll({}))
      for (const hidden of ['open-sesame', encoded])
        if (JSON.stringify([data, raw]).includes(hidden)) t.fail(`${type} has it`)
  })

  await t.test('a token that was got with a secret is shown to nobody', async (t) => {
    const other = await startOther(t)
    const payload = { value: 'a-client-secret', origins: [other.base] }
    await inject({ method: 'PUT', url: '/v1/workflow-secrets/idp', payload })
    other.answers.set('/oauth2/token', (response) =>
      json(response, { access_token: 'an.access.token', token_type: 'Bearer' }),
    )
    other.answers.set('/repeats', (response, { headers }) => json(response, headers))
    const oauth = `{ authority: "${other.base}", grant: client_credentials, client: { id: app, secret: "\${ $secrets.idp }" } }`
    await apply(
      'oauth',
      `use: { secrets: [ idp ], authentications: { mine: { oauth2: ${oauth} } } }
do: [ { a: { call: http, with: { method: get, endpoint: { uri: "${other.base}/repeats", authentication: { use: mine } } } } } ]`,
    )
    const run = await world.until(await world.begin('oauth'), 'completed')
    t.match(run.output, { authorization: 'Bearer [secret]' })
    t.equal(other.got.at(-1)?.headers.authorization, 'Bearer an.access.token')
    for await (const { type, data, raw } of events.readAll({}))
      for (const hidden of ['a-client-secret', 'an.access.token'])
        if (JSON.stringify([data, raw]).includes(hidden)) t.fail(`${type} has it`)
  })

  await t.test('a schedule starts one run for each time, whoever looks', async (t) => {
    await apply('scheduled', 'schedule: { every: PT1H }\ndo: [ { a: { set: { x: 1 } } } ]')
    await waitFor(
      'the read model',
      async () => ((await get('/v1/workflows/test.scheduled')) as { workflow?: string }).workflow,
    )
    const counts = new Map<string, number>()
    const turns = [0, 0, 0]
    const look = (looker: number, signal: AbortSignal) => {
      const workflowRuns = (status: string, count: number) => {
        counts.set(status, count)
        if (status === 'running') turns[looker] = (turns[looker] ?? 0) + 1
      }
      const deps = { events, programs, now, db, standing, logger: silent, tickMs: 10 }
      return runWorkflowSchedule({ ...deps, metrics: { workflowRuns } }, signal)
    }
    /** So much later, and after each of them has looked. @returns what was started by then. */
    const later = async (ms: number, ...lookers: readonly number[]) => {
      world.pass(ms)
      const goals = lookers.map((looker) => (turns[looker] ?? 0) + 2)
      await waitFor('a look', () =>
        lookers.every((each, n) => (turns[each] ?? 0) >= (goals[n] ?? 0)),
      )
      const head = await events.head()
      const query = `workflow=test.scheduled&trigger=schedule&limit=100&atLeast=${head}`
      return (await get(`/v1/workflow-runs?${query}`)).items.length
    }
    const stop = new AbortController()
    const two = [look(0, stop.signal), look(1, stop.signal)]
    t.equal(await later(3_700_000, 0, 1), 1)
    t.equal(await later(3 * 3_600_000, 0, 1), 2, 'of three that were missed the last')
    stop.abort()
    await Promise.all(two)
    const again = new AbortController()
    const restarted = look(2, again.signal)
    t.equal(await later(0, 2), 2, 'a restart starts none anew')
    t.equal(await later(3_600_000, 2), 3)
    again.abort()
    await restarted
    const statuses = ['running', 'ending', 'suspended', 'completed', 'faulted', 'cancelled']
    t.same([...counts.keys()], statuses)
    const { items } = await get('/v1/workflow-runs?limit=100&status=completed')
    t.ok((counts.get('completed') ?? 0) > 0 && items.length >= (counts.get('completed') ?? 0))
  })
})
