import t from 'tap'
import { createNatsMessageBus } from '../../../infra/nats/message-bus.ts'
import { createProjections } from '../../../infra/projector/projections.ts'
import { createReadModelVerifier } from '../../../infra/projector/verify.ts'
import { createVerifications } from '../../../services/kernel/verifications.ts'
import { operationsRoutes } from '../../../services/operations/routes.ts'
import { silent } from '../../../services/ports/logger.ts'
import { testApp } from '../../support/app.ts'
import { freshNats } from '../../support/nats.ts'
import { projected } from '../../support/projected.ts'
import { recordedEvent } from '../../support/recorded-event.ts'
import {
  repaired,
  THROWS,
  totals,
  track,
  usageFixture,
  uses,
} from '../../support/usage-projection.ts'

const fixture = await usageFixture(t)
const { store, pool } = fixture
const readModels = [uses, totals]
const nats = await freshNats(t)
const bus = createNatsMessageBus({ url: nats.url, logger: silent })
t.teardown(() => bus[Symbol.asyncDispose]())
const projections = createProjections({ pool, store, readModels })
const verifier = createReadModelVerifier({ pool, store, readModels })
const stopping = new AbortController().signal
const verifications = createVerifications({ verifier, logger: silent, stopping })
const now = () => new Date()
const { inject } = await testApp(
  t,
  operationsRoutes({ projections, store, bus, verifications, now }),
)

const freshness = projected(t, store, pool, readModels)
await track(store, 'sick', 'a', THROWS, 'b', 'c')
await track(store, 'well', 'a')
await freshness.waitFor(5n, 20_000)

const get = async (url: string) => (await inject({ url })).json()

t.test('every read model is listed with its place and what it leaves out', async (t) => {
  const live = {
    version: 1,
    programVersion: 1,
    state: 'live',
    cause: null,
    position: '5',
    lag: '0',
  }
  t.strictSame(await get('/v1/operations/projections'), {
    items: [
      { readModel: 'uses', ...live, parkedStreams: 1 },
      { readModel: 'totals', ...live, parkedStreams: 0 },
    ],
  })
})

t.test('the bus is behind the log as long as nobody relays', async (t) => {
  t.strictSame(await get('/v1/operations/relay'), {
    position: '0',
    lag: '5',
    state: 'following',
  })
})

t.test('a bus that holds what the log has not is no follower, wherever it is', async (t) => {
  for (const [position, lag] of [
    [3n, '2'],
    [9n, '-4'],
  ] as const) {
    await bus.publish([recordedEvent(position)])
    const told = { position: `${position}`, lag, state: 'other-log' }
    t.strictSame(await get('/v1/operations/relay'), told)
  }
})

t.test('parked events are listed page by page, with the cause', async (t) => {
  const first = await get('/v1/operations/parked?limit=2&readModel=uses')
  t.match(first.items, [
    {
      readModel: 'uses',
      stream: 'usage-acme.sick',
      position: '2',
      revision: '1',
      cause: /fails here/,
    },
    { position: '3' },
  ])
  const second = await get(`/v1/operations/parked?limit=2&cursor=${first.nextCursor}`)
  t.match(second, { items: [{ position: '4' }] })
  t.notOk('nextCursor' in second)
  t.strictSame(await get('/v1/operations/parked?readModel=totals'), { items: [] })
})

t.test('another tenant sees nothing of it and retries nothing', async (t) => {
  const other = { tenantId: 'beta' }
  t.strictSame((await inject({ url: '/v1/operations/parked' }, other)).json(), { items: [] })
  const payload = { readModel: 'uses', stream: 'usage-acme.sick' }
  const answer = await inject(
    { method: 'POST', url: '/v1/operations/parked/retry', payload },
    other,
  )
  t.match([answer.statusCode, answer.json().code], [404, 'not-parked'])
})

t.test('a cursor that no page gave is refused', async (t) => {
  for (const cursor of ['x', Buffer.from('["x","uses"]').toString('base64url')]) {
    const answer = await inject({ url: `/v1/operations/parked?cursor=${cursor}` })
    t.match([answer.statusCode, answer.json().code], [400, 'bad-cursor'])
  }
})

t.test('a parked stream is projected again once its cause is gone', async (t) => {
  const payload = { readModel: 'uses', stream: 'usage-acme.sick' }
  const retry = () => inject({ method: 'POST', url: '/v1/operations/parked/retry', payload })
  t.match((await retry()).json(), { outcome: 'parked-again', events: 0, cause: /fails here/ })
  repaired.yes = true
  t.strictSame((await retry()).json(), { outcome: 'projected', events: 3 })
  t.equal((await retry()).statusCode, 404)
  t.strictSame(await get('/v1/operations/parked'), { items: [] })
})

t.test('without its scope a key may do none of it', async (t) => {
  const reader = { scopes: ['operations:read'] as const }
  const payload = { readModel: 'uses', stream: 's' }
  const retry = { method: 'POST', url: '/v1/operations/parked/retry', payload } as const
  t.equal((await inject(retry, reader)).statusCode, 403)
  const stranger = { scopes: ['catalogue:read'] as const }
  t.equal((await inject({ url: '/v1/operations/projections' }, stranger)).statusCode, 403)
})

t.test('why a read model stands still is for the tenant that operates the server', async (t) => {
  const cause = "table of 'another-tenant' is full"
  await pool.query("update read.checkpoints set stopped = $1 where read_model = 'uses'", [cause])
  const shown = async (tenantId: string) => {
    const answer = await inject({ url: '/v1/operations/projections' }, { tenantId })
    return answer.json().items[0]
  }
  t.match(await shown('default'), { state: 'stopped', cause })
  const told = await shown('acme')
  t.equal(told.state, 'stopped')
  t.notMatch(told.cause, 'another-tenant')
})
