import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import { createWorkerPool } from '../../../infra/workers/pool.ts'
import type { UsageTables } from '../../../projections/analytics/usage.ts'
import { usage } from '../../../projections/analytics/usage.ts'
import type { CatalogueTables } from '../../../projections/registry/catalogue-tables.ts'
import { analyticsRoutes } from '../../../services/analytics/routes.ts'
import { testApp } from '../../support/app.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { runProjector } from '../../support/projected.ts'
import { waitFor } from '../../support/wait-for.ts'

const NOW = new Date('2026-03-10T12:00:00.000Z')
const { store, pool } = await freshPostgresStore(t)
runProjector(t, { pool, store, readModels: [usage] })
const workers = createWorkerPool({ maxThreads: 1 })
t.teardown(async () => {
  await workers[Symbol.asyncDispose]()
})
const db = createReadDatabase<UsageTables & CatalogueTables>(pool)
const { inject } = await testApp(t, analyticsRoutes({ store, db, workers, now: () => NOW }))

type Use = { readonly serviceId: string; readonly tool?: string; readonly [key: string]: unknown }

function use(given: Use) {
  return { tool: 'echo', durationMs: 10, outcome: 'ok', ...given }
}

function track(payload: object, headers: Record<string, string> = {}, tenantId = 'acme') {
  return inject({ method: 'POST', url: '/v1/analytics/track', payload, headers }, { tenantId })
}

function read(serviceId: string, query = '', tenantId = 'acme') {
  const url = `/v1/analytics/services/${encodeURIComponent(serviceId)}${query}`
  return inject({ method: 'GET', url }, { tenantId })
}

async function calls(serviceId: string, many: number) {
  return waitFor(`${many} calls of ${serviceId}`, async () => {
    const response = await read(serviceId)
    const report = response.json()
    return response.statusCode === 200 && report.total.calls === many ? report : undefined
  })
}

t.test('uses are counted by day and tool, with percentiles within 2 %', async (t) => {
  const serviceId = 'io.example/counted'
  const uses = Array.from({ length: 100 }, (_, at) =>
    use({ serviceId, durationMs: at + 1, outcome: at < 5 ? 'error' : 'ok' }),
  )
  const response = await track(uses)
  t.equal(response.statusCode, 202)
  t.match(response.json(), { position: /^\d+$/ })
  await track(use({ serviceId, tool: 'other', occurredAt: '2026-03-09T23:59:59.000Z' }))
  const report = await calls(serviceId, 101)
  t.match(report, {
    serviceId,
    from: '2026-02-09',
    to: '2026-03-10',
    total: { errors: 5 },
    days: [
      { day: '2026-03-09', calls: 1, errorRate: 0 },
      { day: '2026-03-10', calls: 100, errorRate: 0.05, meanMs: 50.5 },
    ],
    tools: [
      { tool: 'echo', calls: 100 },
      { tool: 'other', calls: 1 },
    ],
  })
  const [, today] = report.days
  for (const [name, exact] of [
    ['p50Ms', 50],
    ['p95Ms', 95],
    ['p99Ms', 99],
  ] as const)
    t.ok(Math.abs(today[name] - exact) <= 0.02 * exact, `${name} ${today[name]}`)
  t.match((await read(serviceId, '?from=2026-03-09&to=2026-03-09')).json(), { total: { calls: 1 } })
})

t.test('calls through the gateway are counted too, cancelled ones are no errors', async (t) => {
  const serverName = 'io.example/called'
  const outcomes = ['ok', 'tool-error', 'timeout', 'cancelled']
  await store.append(
    `calls-acme.${randomUUID()}`,
    outcomes.map((outcome) => ({
      id: randomUUID(),
      type: 'ToolCalled',
      data: {
        installationId: randomUUID(),
        serverName,
        version: '1.0.0',
        tool: 'echo',
        durationMs: 1,
        outcome,
        requestBytes: 3,
        responseBytes: 4,
        calledAt: NOW.toISOString(),
      },
    })),
    'no-stream',
    { tenantId: 'acme', actorId: 'x', correlationId: 'x', causationId: 'x' },
  )
  t.match(await calls(serverName, 4), {
    total: { errors: 2, errorRate: 0.5, requestBytes: 12, responseBytes: 16 },
  })
})

t.test('the same idempotency key is the same request', async (t) => {
  const serviceId = 'io.example/once'
  const headers = { 'idempotency-key': 'k1' }
  const first = await track([use({ serviceId }), use({ serviceId })], headers)
  const again = await track([use({ serviceId }), use({ serviceId })], headers)
  t.equal(again.statusCode, 202)
  t.same(again.json(), first.json())
  const other = await track(use({ serviceId, tool: 'another' }), headers)
  t.equal(other.statusCode, 422)
  t.match(other.json(), { code: 'idempotency-key-reused' })
  t.equal((await track(use({ serviceId }), headers, 'other')).statusCode, 202, 'of another tenant')
  await calls(serviceId, 2)
})

t.test('another tenant’s uses are not seen', async (t) => {
  const serviceId = 'io.example/private'
  await track(use({ serviceId }))
  await calls(serviceId, 1)
  t.equal((await read(serviceId, '', 'other')).statusCode, 404)
})

t.test(
  'a service that nobody knows is 404, one that was used at another time has zeros',
  async (t) => {
    const unknown = await read('io.example/never')
    t.equal(unknown.statusCode, 404)
    t.match(unknown.json(), { code: 'unknown-service' })
    await track(use({ serviceId: 'io.example/then' }))
    await calls('io.example/then', 1)
    t.match((await read('io.example/then', '?from=2026-01-01&to=2026-01-31')).json(), {
      total: { calls: 0, p50Ms: null },
      days: [],
    })
  },
)

t.test('what is wrong is said, and nothing is recorded', async (t) => {
  const serviceId = 'io.example/bad'
  const wrong: readonly object[] = [
    {},
    [],
    use({ serviceId: '' }),
    use({ serviceId: 'x\u0000y' }),
    use({ serviceId, durationMs: -1 }),
    use({ serviceId, durationMs: 'long' }),
    use({ serviceId, outcome: 'fine' }),
    use({ serviceId, arguments: {} }),
    use({ serviceId, occurredAt: 'yesterday' }),
    use({ serviceId, occurredAt: '2026-03-10T23:59:60Z' }),
    Array.from({ length: 501 }, () => use({ serviceId })),
    [use({ serviceId }), use({ serviceId: '' })],
  ]
  for (const payload of wrong) t.match((await track(payload)).statusCode, /^4(00|22)$/)
  for (const occurredAt of ['2026-03-11T12:00:00.000Z', '2025-03-10T12:00:00.000Z'])
    t.match((await track(use({ serviceId, occurredAt }))).json(), {
      status: 422,
      code: 'occurred-at-out-of-range',
    })
  for (const query of ['?from=2026-03-11', '?from=2020-01-01', '?from=today'])
    t.match((await read('io.example/counted', query)).statusCode, /^4(00|22)$/)
  t.equal((await read(serviceId)).statusCode, 404)
})

t.test('the summary has the most used service first', async (t) => {
  const response = await inject({ method: 'GET', url: '/v1/analytics/summary?limit=2' })
  t.match(response.json(), {
    services: [{ serviceId: 'io.example/counted', calls: 101, errors: 5 }, { calls: 4 }],
  })
})
