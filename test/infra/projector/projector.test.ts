import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { createProjections } from '../../../infra/projector/projections.ts'
import { createReadFreshness } from '../../../infra/projector/read-freshness.ts'
import type { AnyReadModel } from '../../../projections/kernel/read-model.ts'
import type { EventStore } from '../../../services/ports/event-store.ts'
import { EventStoreUnavailableError } from '../../../services/ports/event-store.ts'
import { type Logger, silent } from '../../../services/ports/logger.ts'
import { type Metrics, noMetrics } from '../../../services/ports/metrics.ts'
import { runProjector } from '../../support/projected.ts'
import {
  callsOf,
  REFUSED,
  repaired,
  THROWS,
  totals,
  track,
  type UsageFixture,
  usageFixture,
  uses,
} from '../../support/usage-projection.ts'
import { waitFor } from '../../support/wait-for.ts'

const models = [uses, totals]
const at = { tenantId: 'acme', limit: 100 }

type Options = {
  readonly readModels?: readonly AnyReadModel[]
  readonly logger?: Logger
  readonly store?: EventStore
  readonly metrics?: Metrics
}

function start(t: Test, { pool, store }: UsageFixture, options: Options = {}) {
  return runProjector(t, { pool, store, readModels: models, ...options })
}

async function caughtUp(t: Test, { pool, store }: UsageFixture): Promise<void> {
  await using freshness = createReadFreshness({ pool })
  const head = await store.head()
  t.ok(await freshness.waitFor(head, 20_000), `the read models reached ${head}`)
}

async function total({ db }: UsageFixture): Promise<number> {
  const { rows } = await sql<{ calls: bigint }>`select calls from read.totals`.execute(db)
  return Number(rows[0]?.calls ?? 0)
}

t.test('the read models follow the log from its start, then live', async (t) => {
  const fixture = await usageFixture(t)
  await track(fixture.store, '1', 'a', 'b', 'a')
  start(t, fixture)
  await caughtUp(t, fixture)
  t.strictSame(await callsOf(fixture), { a: 2, b: 1 })
  await track(fixture.store, '2', 'b', 'c')
  await caughtUp(t, fixture)
  t.strictSame(await callsOf(fixture), { a: 2, b: 2, c: 1 })
})

t.test('every event counts once, however often the projector loses its connection', async (t) => {
  const fixture = await usageFixture(t)
  const appending = (async () => {
    for (let batch = 0; batch < 60; batch++)
      await track(fixture.store, `${batch}`, ...Array.from({ length: 20 }, (_, n) => `s${n}`))
  })()
  start(t, fixture)
  let kills = 0
  let done = false
  void appending.then(() => {
    done = true
  })
  while (!done) {
    // Any backend in the middle of the projector's transaction.
    const { rowCount } = await fixture.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid()
         and state in ('active', 'idle in transaction') and query like '%checkpoints" as c%'`,
    )
    kills += rowCount ?? 0
  }
  await appending
  await caughtUp(t, fixture)
  t.ok(kills > 0, `${kills} connections were cut`)
  t.equal(await total(fixture), 1_200)
  t.ok(Object.values(await callsOf(fixture)).every((calls) => calls === 60))
})

t.test('of two projectors one works, and the other takes over', async (t) => {
  const fixture = await usageFixture(t)
  const stopFirst = start(t, fixture)
  start(t, fixture)
  await track(fixture.store, '1', 'a')
  await caughtUp(t, fixture)
  await stopFirst()
  await track(fixture.store, '1', 'a')
  await caughtUp(t, fixture)
  t.strictSame(await callsOf(fixture), { a: 2 })
})

for (const poison of [THROWS, REFUSED])
  t.test(`an event that ${poison} parks its stream for that read model alone`, async (t) => {
    const fixture = await usageFixture(t)
    const projections = createProjections({ ...fixture, readModels: models })
    start(t, fixture)
    await track(fixture.store, 'sick', 'a', poison, 'a')
    await track(fixture.store, 'well', 'a', 'b')
    await track(fixture.store, 'sick', 'b')
    await caughtUp(t, fixture)

    t.strictSame(await callsOf(fixture), { a: 2, b: 1 }, 'the stream is left out from there on')
    t.equal(await total(fixture), 6, 'the other read model has all')
    const parked = await projections.parked(at)
    t.same(
      parked.map(({ readModel, stream, revision }) => [readModel, stream, revision]),
      [1n, 2n, 3n].map((revision) => ['uses', 'usage-acme.sick', revision]),
    )
    t.match(parked[0]?.cause, poison === THROWS ? /the handler fails here/ : /value too long/)
    t.strictSame(await projections.parked({ ...at, tenantId: 'beta' }), [])
    const states = await projections.states('acme')
    t.match(states[0], { readModel: 'uses', state: 'live', parkedStreams: 1, lag: 0n })

    const stream = { tenantId: 'acme', readModel: 'uses', stream: 'usage-acme.sick' }
    t.match(await projections.retry(stream), { outcome: 'parked-again', events: 0 })
    repaired.yes = true
    t.teardown(() => {
      repaired.yes = false
    })
    t.strictSame(await projections.retry(stream), { outcome: 'projected', events: 3 })
    t.strictSame(await projections.retry(stream), { outcome: 'not-parked' })
    await track(fixture.store, 'sick', 'c')
    await caughtUp(t, fixture)
    t.strictSame(await callsOf(fixture), { a: 3, b: 2, c: 1, [poison]: 1 })
  })

t.test('a strict read model stops before the poison event and says so', async (t) => {
  const fixture = await usageFixture(t)
  const readModels = [{ ...uses, strict: true }, totals]
  const said: string[] = []
  const logger = { ...silent, error: (_: object, message: string) => said.push(message) }
  await track(fixture.store, 'sick', 'a', REFUSED, 'a')
  const lags = new Map<string, number>()
  const metrics = {
    ...noMetrics,
    projectorAt: (name: string, _: bigint, lag: number) => void lags.set(name, lag),
  }
  start(t, fixture, { readModels, logger, metrics })
  const projections = createProjections({ ...fixture, readModels })
  await waitFor('the stop', async () =>
    (await projections.states('acme')).some(({ state }) => state === 'stopped'),
  )
  t.match(await projections.states('acme'), [
    { readModel: 'uses', state: 'stopped', cause: /value too long/, position: 1n },
    { readModel: 'totals', state: 'live', cause: null },
  ])
  t.ok(said.includes('read model stopped'))
  t.strictSame(await callsOf(fixture), { a: 1 })
  await track(fixture.store, 'well', 'a')
  await waitFor('the other read model', async () => (await total(fixture)) === 4)
  t.strictSame(await projections.parked(at), [])
  await waitFor('the measure', () => lags.get('uses') === 3 && lags.get('totals') === 0)
})

t.test('a missing table stops its read model, parks nothing and harms no other', async (t) => {
  const fixture = await usageFixture(t)
  const owner = fixture.ownerPool
  start(t, fixture)
  await track(fixture.store, '1', 'a')
  await caughtUp(t, fixture)
  await owner.query('alter table read.uses rename to away')
  await track(fixture.store, '1', 'a')
  await waitFor('the other read model', async () => (await total(fixture)) === 2)
  const projections = createProjections({ ...fixture, readModels: models })
  t.match(await projections.states('acme'), [{ state: 'stopped', cause: /does not exist/ }, {}])
  t.strictSame(await projections.parked(at), [])
})

t.test('a database or a store that is away parks nothing and is waited for', async (t) => {
  const fixture = await usageFixture(t)
  let away = true
  const store: EventStore = Object.create(fixture.store, {
    follow: {
      value(options: Parameters<EventStore['follow']>[0]) {
        if (away) throw new EventStoreUnavailableError('away')
        return fixture.store.follow(options)
      },
    },
  })
  start(t, fixture, { store })
  await fixture.ownerPool.query('alter table read.checkpoints rename to elsewhere')
  await track(fixture.store, '1', 'a', 'b')
  away = false
  await fixture.ownerPool.query('alter table read.elsewhere rename to checkpoints')
  await caughtUp(t, fixture)
  t.strictSame(await callsOf(fixture), { a: 1, b: 1 })
  t.strictSame(await createProjections({ ...fixture, readModels: models }).parked(at), [])
})

t.test(
  'only read models that follow the log are waited for, and only those of the program',
  async (t) => {
    const fixture = await usageFixture(t)
    const { pool, ownerPool, store } = fixture
    await track(store, '1', 'a')
    const end = start(t, fixture)
    await caughtUp(t, fixture)
    await using freshness = createReadFreshness({ pool, readModels: models })
    await ownerPool.query(
      `insert into read.checkpoints (read_model, version, position) values ('leftover', 1, 0)`,
    )
    t.ok(await freshness.waitFor(1n, 0), 'a leftover says nothing')
    t.strictSame(await freshness.standingStill(), [])
    await end()
    const stand = (stopped: string | null, version: number) =>
      ownerPool.query(
        `update read.checkpoints set position = 0, stopped = $1, version = $2 where read_model = 'uses'`,
        [stopped, version],
      )
    for (const [stopped, version] of [
      ['why', 1],
      [null, 0],
    ] as const) {
      await stand(stopped, version)
      t.ok(await freshness.waitFor(1n, 0, 'following'))
      t.ok(await freshness.waitFor(1n, 0, ['totals']))
      t.notOk(await freshness.waitFor(1n, 0, ['uses']))
      t.notOk(await freshness.waitFor(1n, 0))
      t.strictSame(await freshness.standingStill(), ['uses'])
    }
    await stand(null, 1)
    t.notOk(await freshness.waitFor(1n, 0, 'following'), 'one that is merely behind is waited for')
  },
)
