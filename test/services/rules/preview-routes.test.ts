import { randomUUID } from 'node:crypto'
import t from 'tap'
import { eventCatalogue } from '../../../domain/event-catalogue.ts'
import { firstVersion } from '../../../domain/kernel/upcast.ts'
import { RulesEvaluatedV1 } from '../../../domain/rules/evaluation.ts'
import { createEventCodec } from '../../../infra/eventstore/codec.ts'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import { createWorkerPool } from '../../../infra/workers/pool.ts'
import type { CausesTables } from '../../../projections/audit/causes.ts'
import type { RuleEvaluationsTables } from '../../../projections/rules/rule-evaluations.ts'
import type { NewEvent } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import type { WorkerPool } from '../../../services/ports/worker-pool.ts'
import { previewRoutes } from '../../../services/rules/preview-routes.ts'
import { testApp } from '../../support/app.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { INSTALLATION, ruleOf, toolCalled } from '../../support/rules.ts'
import { waitFor } from '../../support/wait-for.ts'

const START = Date.parse('2026-01-02T00:00:00.000Z')
let now = START
const codec = createEventCodec({
  now: () => new Date(now),
  catalogue: { ...eventCatalogue, rules: { RulesEvaluated: firstVersion(RulesEvaluatedV1) } },
})
const { pool, store } = await freshPostgresStore(t, codec)
const db = createReadDatabase<RuleEvaluationsTables & CausesTables>(pool)
const workers = createWorkerPool({ maxThreads: 1 })
t.teardown(() => workers[Symbol.asyncDispose]())
const stopping = new AbortController().signal
const { inject } = await testApp(
  t,
  previewRoutes({ log: store, db, workers, logger: silent, stopping }),
)

async function append(events: readonly NewEvent[], tenantId: string, category = 'calls') {
  const context = { tenantId, actorId: 'key:k1', correlationId: 'c', causationId: 'c' }
  const stream = `${category}-${tenantId}.all`
  return (await store.append(stream, events, 'any', context)).position
}

/** One call a minute; every third one fails. */
async function calls(tenantId: string, count: number): Promise<bigint[]> {
  const positions: bigint[] = []
  for (let index = 0; index < count; index++) {
    now = START + index * 60_000
    const { type, data } = toolCalled(index, { outcome: index % 3 === 0 ? 'timeout' : 'ok' })
    positions.push(await append([{ id: randomUUID(), type, data }], tenantId))
  }
  return positions
}

function preview(tenantId: string, payload: object, headers: Record<string, string> = {}) {
  return inject({ method: 'POST', url: '/v1/rules/preview', payload, headers }, { tenantId })
}

const condition = "event.data.outcome != 'ok' && count('ToolCalled', '10m') >= 5"
const { settings } = ruleOf({
  condition,
  actions: [
    {
      kind: 'command',
      command: 'roll-back',
      parameters: { installationId: { cel: 'event.data.installationId' } },
      onFailure: 'stop',
    },
  ],
})

t.test(
  'a preview says what would have matched, when, why, and what it would have done',
  async (t) => {
    const positions = await calls('matching', 12)
    const answer = await preview('matching', { settings, limit: 1 })
    t.equal(answer.statusCode, 200)
    t.match(answer.json(), {
      after: '0',
      through: String(positions.at(-1)),
      complete: true,
      read: 12,
      events: 12,
      counts: { matched: 2, 'not-matched': 10 },
      comparison: undefined,
    })
    t.match(answer.json().shown, [
      {
        eventType: 'ToolCalled',
        position: String(positions[6]),
        time: new Date(START + 6 * 60_000).toISOString(),
        subject: INSTALLATION,
        verdict: 'matched',
        values: [
          { path: 'event.data.outcome', value: 'timeout' },
          { path: "count('ToolCalled', '10m')", value: 7 },
        ],
        actions: [{ command: 'roll-back', parameters: { installationId: INSTALLATION } }],
      },
    ])
  },
)

t.test('windows are filled from before the part that is asked about', async (t) => {
  const positions = await calls('windows', 25)
  const after = String(positions[17])
  t.match((await preview('windows', { settings, after })).json(), {
    read: 20,
    events: 7,
    counts: { matched: 3, 'not-matched': 4 },
  })
  const from = new Date(START + 18 * 60_000).toISOString()
  const to = new Date(START + 21 * 60_000).toISOString()
  t.match((await preview('windows', { settings, from, to })).json(), {
    after,
    through: String(positions[21]),
    events: 4,
    counts: { matched: 2, 'not-matched': 2 },
  })
})

t.test('facts are made of everything before the part', async (t) => {
  await calls('facts', 3)
  const rule = ruleOf({ condition: 'facts.statistics.calls == 5' })
  const [after] = await calls('facts', 3)
  const answer = (await preview('facts', { settings: rule.settings, after: String(after) })).json()
  t.match(answer, { read: 6, events: 2, counts: { matched: 1, 'not-matched': 1 } })
})

t.test('what matches is shown beside what matched then', async (t) => {
  const [ruleId, other] = [randomUUID(), randomUUID()]
  const positions = await calls('compared', 12)
  const matchedThen = new Set([3, 6])
  for (const [index, position] of positions.entries()) {
    const verdict = matchedThen.has(index) ? 'matched' : 'not-matched'
    const data = {
      eventId: randomUUID(),
      eventType: 'ToolCalled',
      position: String(position),
      subject: INSTALLATION,
      depth: 0,
      rules: [
        { ruleId: other, version: 1, verdict: 'matched' },
        { ruleId, version: index < 6 ? 1 : 2, verdict },
      ],
    }
    const event = { id: randomUUID(), type: 'RulesEvaluated', data }
    await append([event], 'compared', 'evaluations')
  }
  const compare = async (range: object) =>
    (await preview('compared', { ruleId, settings, ...range })).json().comparison
  t.same(await compare({}), {
    versions: [1, 2],
    both: 1,
    onlyNow: { count: 1, positions: [String(positions[9])] },
    onlyThen: { count: 1, positions: [String(positions[3])] },
  })
  t.match(await compare({ after: String(positions[5]), through: String(positions[8]) }), {
    versions: [2],
    both: 1,
    onlyNow: { count: 0 },
    onlyThen: { count: 0 },
  })
})

t.test(
  'a condition that does not compile is refused, with a caret under the mistake',
  async (t) => {
    const wrong = { ...settings, condition: 'event.data.outcom == 1' }
    const answer = await preview('refused', { settings: wrong })
    t.equal(answer.statusCode, 422)
    t.match(answer.json(), {
      code: 'rule-condition-invalid',
      detail: /No such key: outcom\.\nevent\.data\.outcom == 1\n {11}\^{6}$/,
      errors: [{ pointer: '/body/settings/condition' }],
    })
  },
)

t.test('on request the answer is lines, with the progress on the way', async (t) => {
  const calls = Array.from({ length: 2_500 }, (_, index): NewEvent => {
    const { type, data } = toolCalled(index)
    return { id: randomUUID(), type, data }
  })
  for (let from = 0; from < calls.length; from += 500)
    await append(calls.slice(from, from + 500), 'lines')
  const accept = { accept: 'application/x-ndjson' }
  const answer = await preview('lines', { settings }, accept)
  const lines = answer.body
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.match(lines[0], { progress: { events: 1_000 } })
  t.match(lines.at(-1), { result: { events: 2_500, complete: true } })
  const part = (await preview('lines', { settings, maxEvents: 1_200 })).json()
  t.match(part, { read: 1_200, complete: false })
})

t.test(
  'other tenants see nothing of each other, and who may not write rules sees nothing',
  async (t) => {
    await calls('private', 3)
    t.match((await preview('stranger', { settings })).json(), { read: 0, events: 0 })
    const request = { method: 'POST', url: '/v1/rules/preview', payload: { settings } } as const
    t.equal((await inject(request, { scopes: ['rules:read'] })).statusCode, 403)
  },
)

t.test('beyond four previews at once nothing is read or compiled for another one', async (t) => {
  let [begun, goOn] = [0, () => {}]
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const slow: WorkerPool = {
    async run(task, input) {
      begun += 1
      await held
      return await workers.run(task, input)
    },
    [Symbol.asyncDispose]: async () => {},
  }
  const deps = { log: store, db, workers: slow, logger: silent, stopping }
  const { inject: ask } = await testApp(t, previewRoutes(deps))
  const url = '/v1/rules/preview'
  const running = [1, 2, 3, 4].map(() => ask({ method: 'POST', url, payload: { settings } }))
  await waitFor('four to be under way', async () => begun === 4)
  const broken = { settings: { ...settings, condition: '(' } }
  t.match((await ask({ method: 'POST', url, payload: broken })).json(), {
    status: 429,
    code: 'too-many-previews',
  })
  goOn()
  for (const each of running) t.equal((await each).statusCode, 200)
  t.equal((await ask({ method: 'POST', url, payload: broken })).statusCode, 422)
})
