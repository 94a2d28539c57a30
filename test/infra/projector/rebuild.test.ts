import { sql } from 'kysely'
import t, { type Test } from 'tap'
import { createProjections } from '../../../infra/projector/projections.ts'
import { createReadFreshness } from '../../../infra/projector/read-freshness.ts'
import { createReadModelRebuilder } from '../../../infra/projector/rebuilder.ts'
import { verifyReadModels } from '../../../infra/projector/verify.ts'
import type { AnyReadModel } from '../../../projections/kernel/read-model.ts'
import type { EventStore } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { runProjector } from '../../support/projected.ts'
import {
  callsOf,
  REFUSED,
  totals,
  track,
  type UsageFixture,
  usageFixture,
  uses,
} from '../../support/usage-projection.ts'
import { waitFor } from '../../support/wait-for.ts'

const readModels = [uses, totals]
const always = async () => true

type Options = { readonly readModels?: readonly AnyReadModel[]; readonly store?: EventStore }

function start(t: Test, { pool, store }: UsageFixture, options: Options = {}) {
  return runProjector(t, { pool, store, readModels: readModels, ...options })
}

/** The same store, whose followers are made by `follow`. */
function following(store: EventStore, follow: EventStore['follow']): EventStore {
  return {
    append: (...of) => store.append(...of),
    readStream: (...of) => store.readStream(...of),
    readAll: (...of) => store.readAll(...of),
    head: () => store.head(),
    follow,
    [Symbol.asyncDispose]: async () => {},
  }
}

function rebuild(
  fixture: UsageFixture,
  options: Options = {},
  signal = AbortSignal.timeout(60_000),
) {
  const rebuilder = createReadModelRebuilder({ ...fixture, readModels, logger: silent, ...options })
  return rebuilder.rebuild('uses', always, signal)
}

async function caughtUp(t: Test, { pool, store }: UsageFixture): Promise<void> {
  await using freshness = createReadFreshness({ pool })
  t.ok(await freshness.waitFor(await store.head(), 20_000), 'the read models caught up')
}

async function schemas({ pool }: UsageFixture): Promise<string[]> {
  const { rows } = await pool.query("select nspname from pg_namespace where nspname ~ '^scratch'")
  return rows.map(({ nspname }) => nspname)
}

async function positionOf({ pool }: UsageFixture, name: string): Promise<bigint> {
  const { rows } = await pool.query('select position from read.checkpoints where read_model = $1', [
    name,
  ])
  return rows[0]?.position
}

/** What one reader sees in one statement: each event of the log counts one call. */
async function look({ db }: UsageFixture) {
  const { rows } = await sql<{ position: bigint; calls: bigint }>`
    select position, (select coalesce(sum(calls), 0)::bigint from read.uses) as calls
    from read.checkpoints where read_model = 'uses'`.execute(db)
  return rows[0] ?? { position: 0n, calls: 0n }
}

t.test(
  'whoever reads during appends and rebuilds sees all, and never less than before',
  async (t) => {
    const fixture = await usageFixture(t)
    start(t, fixture)
    await track(fixture.store, 'first', 'a', 'b', 'c')
    await caughtUp(t, fixture)
    let going = true
    const appending = Promise.all(
      ['1', '2', '3'].map(async (stream) => {
        while (going) await track(fixture.store, stream, 'a', 'b', 'c', 'd', stream)
      }),
    )
    const seen: Awaited<ReturnType<typeof look>>[] = []
    const reading = (async () => {
      while (going) seen.push(await look(fixture))
    })()
    for (let round = 0; round < 5; round++)
      t.match(await rebuild(fixture), { outcome: 'rebuilt', version: 1 })
    going = false
    await Promise.all([appending, reading])
    await caughtUp(t, fixture)
    t.same(
      seen.filter(({ position, calls }) => position !== calls),
      [],
      `${seen.length} readers saw every event up to the checkpoint, once`,
    )
    t.ok(seen.every(({ position }, index) => position >= (seen[index - 1]?.position ?? 0n)))
    t.equal((await look(fixture)).calls, await fixture.store.head(), 'nothing is lost or doubled')
    const { identical } = await verifyReadModels({
      ...{ ...fixture, readModels, signal: AbortSignal.timeout(20_000) },
    })
    t.ok(identical)
    t.same(await schemas(fixture), [], 'what was built is gone')
  },
)

t.test('rows that somebody changed are put right, and only those are written', async (t) => {
  const fixture = await usageFixture(t)
  const { pool } = fixture
  const end = start(t, fixture)
  await track(fixture.store, '1', 'a', 'b', 'c')
  await caughtUp(t, fixture)
  await end()
  const rowsAt = async () =>
    new Map(
      (await pool.query('select service_id, xmin::text from read.uses')).rows.map((row) => [
        row.service_id,
        row.xmin,
      ]),
    )
  const before = await rowsAt()
  await pool.query(`
    update read.uses set calls = 7 where service_id = 'a';
    delete from read.uses where service_id = 'b';
    insert into read.uses values ('acme', 'd', 1, null)`)
  t.match(await rebuild(fixture), { outcome: 'rebuilt', events: 3, position: 3n })
  t.strictSame(await callsOf(fixture), { a: 1, b: 1, c: 1 })
  t.equal((await rowsAt()).get('c'), before.get('c'), 'what was right is not touched')
})

t.test('the program before keeps its version up to date until the switch', async (t) => {
  const fixture = await usageFixture(t)
  const tenfold: AnyReadModel = {
    ...uses,
    version: 2,
    changes: {
      UsageTracked: (event: never, meta) => {
        const { data } = event as { readonly data: { readonly serviceId: string } }
        const at = { tenant_id: meta.tenantId, service_id: data.serviceId }
        return [{ table: 'uses', at, add: { calls: 10 } }]
      },
    },
  }
  let open = () => {}
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const held = following(fixture.store, async function* (options) {
    await gate
    yield* fixture.store.follow(options)
  })
  const endOld = start(t, fixture)
  await track(fixture.store, '1', 'a')
  await caughtUp(t, fixture)

  const newer = [tenfold, totals]
  start(t, fixture, { readModels: newer, store: held })
  const states = createProjections({ ...fixture, readModels: newer })
  await waitFor('the rebuild', async () => (await states.states('acme'))[0]?.rebuild !== null)
  t.match((await states.states('acme'))[0], { state: 'building', version: 1, programVersion: 2 })
  await track(fixture.store, '1', 'a')
  await waitFor('the old rows', async () => (await callsOf(fixture)).a === 2)

  open()
  await waitFor('the new rows', async () => (await callsOf(fixture)).a === 20)
  await track(fixture.store, '1', 'a')
  await waitFor('the newer program to go on', async () => (await callsOf(fixture)).a === 30)
  await endOld()
  await track(fixture.store, '1', 'a')
  await caughtUp(t, fixture)
  t.strictSame(await callsOf(fixture), { a: 40 })
  const { rows } = await fixture.pool.query('select calls from read.totals')
  t.same(rows, [{ calls: 4n }], 'the read model of both is right as well')
})

t.test('a table that was dropped comes back, and the others are read meanwhile', async (t) => {
  const fixture = await usageFixture(t)
  const { ownerPool, pool } = fixture
  const end = start(t, fixture)
  await track(fixture.store, '1', 'a', 'b')
  await caughtUp(t, fixture)
  await end()
  await ownerPool.query('drop table read.uses')
  start(t, fixture)
  await track(fixture.store, '1', 'b')
  await waitFor('the other one', async () => (await positionOf(fixture, 'totals')) === 3n)
  const projections = createProjections({ ...fixture, readModels })
  await waitFor('the stop', async () => (await projections.states('acme'))[0]?.state === 'stopped')
  t.match((await projections.states('acme'))[0]?.cause, /no table uses/)
  const signal = AbortSignal.timeout(20_000)
  const verdict = await verifyReadModels({ ...fixture, readModels: [uses], signal })
  t.match(verdict.readModels[0], {
    verdict: 'different',
    tables: [{ rows: 2, differences: 2, examples: [{ kind: 'missing' }, { kind: 'missing' }] }],
  })

  t.match(await rebuild(fixture), { outcome: 'rebuilt' })
  t.strictSame(await callsOf(fixture), { a: 1, b: 2 })
  await track(fixture.store, '1', 'a')
  await caughtUp(t, fixture)
  t.strictSame(await callsOf(fixture), { a: 2, b: 2 }, 'and it follows again')
  const { rows } = await pool.query(
    `select count(distinct tableowner)::int as owners from pg_tables where schemaname = 'read'`,
  )
  t.equal(rows[0].owners, 1)
  const after = await verifyReadModels({ ...fixture, readModels, signal })
  t.ok(after.identical)
})

t.test('one that cannot get beyond an event leaves the rows as they were', async (t) => {
  const fixture = await usageFixture(t)
  const strict = [{ ...uses, strict: true }]
  const end = start(t, fixture)
  await track(fixture.store, '1', 'a', REFUSED, 'b')
  await caughtUp(t, fixture)
  await end()
  const before = await callsOf(fixture)
  t.match(await rebuild(fixture, { readModels: strict }), {
    outcome: 'failed',
    cause: /value too long/,
  })
  t.strictSame(await callsOf(fixture), before)
  t.equal(await positionOf(fixture, 'uses'), 3n)
  t.same(await schemas(fixture), [])
})

t.test(
  'broken off, it leaves nothing behind; what a dead process left goes with the next',
  async (t) => {
    const fixture = await usageFixture(t)
    start(t, fixture)
    await track(fixture.store, '1', 'a')
    await caughtUp(t, fixture)
    const stop = new AbortController()
    const breaking = following(fixture.store, (options) => {
      stop.abort()
      return fixture.store.follow(options)
    })
    await t.rejects(rebuild(fixture, { store: breaking }, stop.signal), { name: 'AbortError' })
    t.same(await schemas(fixture), [])
    await fixture.pool.query('create schema scratch_1700000000000_0badcafe_of_uses')
    await fixture.pool.query('create schema scratch_9700000000000_0badcafe_of_totals')
    t.match(await rebuild(fixture), { outcome: 'rebuilt' })
    t.same(await schemas(fixture), ['scratch_9700000000000_0badcafe_of_totals'])
  },
)

t.test('what is not wanted any more once its turn comes is not done', async (t) => {
  const fixture = await usageFixture(t)
  const end = start(t, fixture)
  await track(fixture.store, '1', 'a')
  await caughtUp(t, fixture)
  await end()
  const rebuilder = createReadModelRebuilder({ ...fixture, readModels, logger: silent })
  const signal = AbortSignal.timeout(20_000)
  const notWanted = { outcome: 'not-wanted' }
  t.strictSame(await rebuilder.rebuild('uses', async () => false, signal), notWanted)
  t.strictSame(await rebuilder.rebuild('unheard-of', always, signal), notWanted)
  await fixture.pool.query(`update read.checkpoints set version = 9 where read_model = 'uses'`)
  t.strictSame(await rebuilder.rebuild('uses', always, signal), notWanted, "a newer program's")
})
