import { randomUUID } from 'node:crypto'
import t, { type Test } from 'tap'
import { createEventCodec } from '../../../infra/eventstore/codec.ts'
import { createEventStoreDbEventStore } from '../../../infra/eventstore/eventstoredb/event-store.ts'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import { type CausesTables, causes } from '../../../projections/audit/causes.ts'
import { whyRoutes } from '../../../services/audit/why-routes.ts'
import type { EventStore } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { testApp } from '../../support/app.ts'
import { EventStoreDbDouble } from '../../support/eventstoredb-double/server.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { projected } from '../../support/projected.ts'

const at = '2026-01-02T03:04:05.000Z'
const REQUEST = 'request-1'

/** The routes over a log to which `happen` appends what another event, or a request, led to. */
async function scene(t: Test, log?: EventStore) {
  const { store: postgres, pool } = await freshPostgresStore(t)
  const store = log ?? postgres
  const freshness = projected(t, store, pool, [causes])
  const routes = whyRoutes({ store, db: createReadDatabase<CausesTables>(pool) })
  const { inject } = await testApp(t, routes)
  let last = 0n
  const append = async (stream: string, type: string, data: object, by: string, count = 1) => {
    const ids = Array.from({ length: count }, () => randomUUID())
    const events = ids.map((id) => ({ id, type, data: { ...data } }))
    const context = { tenantId: 'acme', actorId: 'key:ann', correlationId: REQUEST }
    const appended = await store.append(stream, events, 'any', { ...context, causationId: by })
    last = appended.position
    return ids
  }
  const happen = (by: string, count?: number) =>
    append(
      `tenant-acme.tenant`,
      'CatalogueVisibilityChanged',
      { visibility: 'public', changedAt: at },
      by,
      count,
    )
  const called = (by: string) => append('usage-acme.1', 'UsageTracked', USE, by)
  const emitted = (by: string) => append('custom-acme.Paid', 'CustomEventEmitted', PAID, by)
  const why = async (id: string, query = '') => {
    await freshness.waitFor(last, 20_000)
    return await inject({ url: `/v1/events/${id}/why${query}` })
  }
  return { happen, called, emitted, why, inject }
}

const USE = {
  ...{ serviceId: 'io.example/tides', tool: 'tide', durationMs: 1 },
  ...{ outcome: 'ok', occurredAt: at },
}

const PAID = { name: 'Paid', version: 1, data: {}, emittedAt: at }

async function eventStoreDb(t: Test): Promise<EventStore> {
  const double = await EventStoreDbDouble.start()
  const store = createEventStoreDbEventStore({
    ...{ connectionString: double.connectionString, logger: silent, metrics: noMetrics },
    codec: createEventCodec({ now: () => new Date() }),
  })
  t.teardown(async () => {
    await store[Symbol.asyncDispose]()
    await double[Symbol.asyncDispose]()
  })
  return store
}

type Tree = { readonly id: string; readonly effects: readonly Tree[]; readonly more: boolean }

function shape(effects: readonly Tree[]): unknown {
  return effects.map(({ id, effects }) => [id, shape(effects)])
}

t.test('the causes are told back to the request, the effects down to the last', async (t) => {
  for (const log of [undefined, await eventStoreDb(t)]) {
    const { happen, why } = await scene(t, log)
    const [first = ''] = await happen(REQUEST)
    const [second = ''] = await happen(first)
    const [third = '', fourth = ''] = await happen(second, 2)
    const [fifth = ''] = await happen(fourth)
    await happen('something else')
    const answer = (await why(second)).json()
    t.equal(answer.event.id, second)
    t.same(
      answer.causes.map(({ id }: Tree) => id),
      [first],
    )
    t.same(answer.began, { id: REQUEST, actorid: 'key:ann' })
    t.same(shape(answer.effects), [
      [third, []],
      [fourth, [[fifth, []]]],
    ])
    t.equal(answer.more, false)
    t.same((await why(answer.event.position)).json(), answer, 'by its position, too')
  }
})

t.test('an event of a kind that is not listed is found by what it led to', async (t) => {
  const { called, happen, why } = await scene(t)
  const [use = ''] = await called(REQUEST)
  const [effect = ''] = await happen(use)
  t.match((await why(use)).json(), { event: { id: use }, effects: [{ id: effect }] })
  t.match((await why(effect)).json(), { causes: [{ id: use }], began: { id: REQUEST } })
})

t.test('an event of the tenant’s own type has its name as an effect, too', async (t) => {
  const { happen, emitted, why } = await scene(t)
  const [first = ''] = await happen(REQUEST)
  const [paid = ''] = await emitted(first)
  t.match((await why(first)).json(), { effects: [{ id: paid, type: 'custom.Paid' }] })
})

t.test('of many effects the first are told, and where the others are', async (t) => {
  const { happen, why } = await scene(t)
  const [first = ''] = await happen(REQUEST)
  await happen(first, 150)
  const page = (await why(first)).json()
  t.match([page.effects.length, page.more], [100, true])
  const rest = (await why(first, `?after=${page.effects.at(-1).position}`)).json()
  t.match([rest.effects.length, rest.more], [50, false])
})

t.test('what is not there, or is another tenant’s, is not found', async (t) => {
  const { happen, why, inject } = await scene(t)
  const [first = ''] = await happen(REQUEST)
  const { position } = (await why(first)).json().event
  for (const id of [randomUUID(), '999999', '0'])
    t.match((await why(id)).json(), { status: 404, code: 'event-not-found' })
  for (const id of [first, position]) {
    const url = `/v1/events/${id}/why`
    t.equal((await inject({ url }, { tenantId: 'other' })).statusCode, 404, 'another tenant')
  }
  for (const id of ['x', '-1', '99999999999999999999', `${first}0`])
    t.equal((await why(id)).statusCode, 400, id)
  t.equal((await why(first, '?after=x')).statusCode, 400)
  t.equal((await inject({ url: `/v1/events/${first}/why` }, { scopes: [] })).statusCode, 403)
})
