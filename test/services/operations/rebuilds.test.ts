import t, { type Test } from 'tap'
import { createNatsMessageBus } from '../../../infra/nats/message-bus.ts'
import { createProjections } from '../../../infra/projector/projections.ts'
import { createReadModelRebuilder } from '../../../infra/projector/rebuilder.ts'
import { createReadModelVerifier } from '../../../infra/projector/verify.ts'
import { createVerifications } from '../../../services/kernel/verifications.ts'
import { runRebuilds } from '../../../services/operations/rebuilds.ts'
import { operationsRoutes } from '../../../services/operations/routes.ts'
import { silent } from '../../../services/ports/logger.ts'
import type { ReadModelRebuilder } from '../../../services/ports/read-model-rebuilder.ts'
import { testApp } from '../../support/app.ts'
import { projected } from '../../support/projected.ts'
import {
  callsOf,
  totals,
  track,
  type UsageFixture,
  usageFixture,
  uses,
} from '../../support/usage-projection.ts'
import { waitFor } from '../../support/wait-for.ts'

const readModels = [uses, totals]
const now = () => new Date()
const LIST = '/v1/operations/projections'

/** The routes and a projector, which has caught up, on a log of three calls. */
async function scene(t: Test) {
  const fixture = await usageFixture(t)
  const { pool, store } = fixture
  const freshness = projected(t, store, pool, readModels)
  await track(store, '1', 'a', 'b', 'a')
  await freshness.waitFor(3n, 20_000)

  const verifier = createReadModelVerifier({ pool, store, readModels })
  const stopping = new AbortController().signal
  const verifications = createVerifications({ verifier, logger: silent, stopping })
  const projections = createProjections({ ...fixture, readModels })
  // Nothing listens there: the read models do not need the bus.
  const bus = createNatsMessageBus({ url: 'nats://127.0.0.1:1', logger: silent })
  t.teardown(() => bus[Symbol.asyncDispose]())
  const routes = operationsRoutes({ projections, store, bus, verifications, now })
  const { inject } = await testApp(t, routes, { tenantId: 'default' })
  const post = (url: string, actor = {}) => inject({ method: 'POST', url }, actor)
  const list = async () => (await inject({ url: LIST })).json().items
  return { ...fixture, inject, post, list }
}

/** Does what was asked for, until the end of the test or the call of what it returns. */
function perform(t: Test, fixture: UsageFixture, over: Partial<ReadModelRebuilder> = {}) {
  const stop = new AbortController()
  const real = createReadModelRebuilder({ ...fixture, readModels, logger: silent })
  const rebuilder = { ...real, ...over }
  const ended = runRebuilds({ store: fixture.store, rebuilder, now, logger: silent }, stop.signal)
  const end = async () => {
    stop.abort()
    await ended
  }
  t.teardown(end)
  return end
}

async function recorded({ store }: UsageFixture): Promise<string[]> {
  const types: string[] = []
  for await (const { type } of store.readStream('readmodel-default.uses')) types.push(type)
  return types
}

t.test('a rebuild that nobody did yet is owed, and is done once somebody is there', async (t) => {
  const scenery = await scene(t)
  const { list, pool, post } = scenery
  await pool.query(`update read.uses set calls = 99 where service_id = 'b'`)
  const asked = await post(`${LIST}/uses/rebuild`)
  t.equal(asked.statusCode, 202)
  const { rebuildId } = asked.json()
  t.equal(
    (await post(`${LIST}/uses/rebuild`)).json().rebuildId,
    rebuildId,
    'asking again is asking once',
  )
  t.match((await list())[0], { lastRequest: { rebuildId, status: 'owed' } })
  perform(t, scenery)
  perform(t, scenery)
  await waitFor('the rebuild', async () => (await list())[0].lastRequest.status === 'completed')
  t.match((await list())[0].lastRequest, { rebuildId, events: 3 })
  t.strictSame(await callsOf(scenery), { a: 2, b: 1 })
  t.same(await recorded(scenery), ['ReadModelRebuildRequested', 'ReadModelRebuildCompleted'])
  t.notSame((await post(`${LIST}/uses/rebuild`)).json().rebuildId, rebuildId)
})

t.test('a rebuild that breaks off is done again, by this process or the next', async (t) => {
  const scenery = await scene(t)
  const { list, post } = scenery
  let attempts = 0
  const rebuild = async () => {
    attempts += 1
    throw new Error('the database is away')
  }
  const end = perform(t, scenery, { rebuild })
  await post(`${LIST}/uses/rebuild`)
  await waitFor('a second attempt', () => attempts === 2)
  await end()
  t.match((await list())[0], { lastRequest: { status: 'owed' } })
  perform(t, scenery)
  await waitFor('the rebuild', async () => (await list())[0].lastRequest.status === 'completed')
})

t.test('why it cannot be done is told', async (t) => {
  const scenery = await scene(t)
  const { list, post } = scenery
  perform(t, scenery, { rebuild: async () => ({ outcome: 'failed', cause: 'a poison event' }) })
  await post(`${LIST}/uses/rebuild`)
  await waitFor('the end', async () => (await list())[0].lastRequest?.status === 'failed')
  t.match((await list())[0].lastRequest, { cause: 'a poison event' })
})

t.test('progress is told while the rows are made', async (t) => {
  const { list, pool } = await scene(t)
  await pool.query(
    `insert into ops.rebuilds values ('uses', 2, 'building', 500, 250, 1000, now() - interval '5 s', now())`,
  )
  t.match((await list())[0].rebuild, {
    ...{ version: 2, phase: 'building', events: 500, totalEvents: 2_000, percent: 25 },
    ...{ position: '250', until: '1000', eventsPerSecond: 100, secondsLeft: 15 },
  })
  await pool.query(`update ops.rebuilds set told_at = now() - interval '1 minute'`)
  t.notOk('rebuild' in (await list())[0], 'a process that says nothing any more is dead')
})

t.test('a comparison names the rows that are not what the log says', async (t) => {
  const { pool, post } = await scene(t)
  await pool.query(`update read.uses set calls = 99 where service_id = 'b'`)
  const compared = (await post(`${LIST}/uses/comparison`)).json()
  t.match(compared, {
    identical: false,
    readModels: [{ tables: [{ examples: [{ key: { service_id: 'b' }, kind: 'different' }] }] }],
  })
  t.equal(compared.readModels.length, 1)
  t.match((await post(`${LIST}/totals/comparison`)).json(), { identical: true })
})

t.test('it takes the right name, scope and tenant', async (t) => {
  const { inject, list, pool, post } = await scene(t)
  for (const action of ['rebuild', 'comparison']) {
    const refused = async (name: string, actor: object = {}) => {
      const answer = await post(`${LIST}/${name}/${action}`, actor)
      return [answer.statusCode, answer.json().code]
    }
    t.same(await refused('unheard-of'), [404, 'read-model-not-found'])
    t.same(await refused('a'.repeat(300)), [400, 'invalid-parameters'])
    t.same(await refused('uses', { tenantId: 'acme' }), [403, 'operator-only'])
    t.same(await refused('uses', { scopes: ['catalogue:read'] }), [403, 'missing-scope'])
  }
  const reader = { scopes: ['operations:read'] }
  t.equal((await post(`${LIST}/uses/rebuild`, reader)).statusCode, 403)
  await post(`${LIST}/uses/rebuild`)
  t.ok((await list())[0].lastRequest)
  const others = (await inject({ url: LIST }, { tenantId: 'acme' })).json().items[0]
  t.notOk('lastRequest' in others, 'who asked for what is for the operator')
  await pool.query(`update read.checkpoints set version = 9 where read_model = 'uses'`)
  const newer = await post(`${LIST}/uses/rebuild`)
  t.same([newer.statusCode, newer.json().code], [409, 'newer-read-model'])
})
