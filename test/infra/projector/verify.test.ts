import { sql } from 'kysely'
import t from 'tap'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import { createProjections } from '../../../infra/projector/projections.ts'
import { createReadFreshness } from '../../../infra/projector/read-freshness.ts'
import { verifyReadModels } from '../../../infra/projector/verify.ts'
import type { AnyReadModel } from '../../../projections/kernel/read-model.ts'
import { runProjector } from '../../support/projected.ts'
import {
  callsOf,
  THROWS,
  totals,
  track,
  type UsageFixture,
  usageFixture,
  uses,
} from '../../support/usage-projection.ts'
import { waitFor } from '../../support/wait-for.ts'

const readModels = [uses, totals]

/** Projects, with these read models, until everything that is in the log now is done. */
async function project(fixture: UsageFixture, models: readonly AnyReadModel[] = readModels) {
  await using freshness = createReadFreshness(fixture)
  const end = runProjector(t, { ...fixture, readModels: models })
  const projections = createProjections({ ...fixture, readModels: models })
  await freshness.waitFor(await fixture.store.head(), 20_000)
  await waitFor('the rebuilt read models', async () =>
    (await projections.states('acme')).every(({ state }) => state === 'live'),
  )
  await end()
}

function verify(fixture: UsageFixture, signal = new AbortController().signal) {
  return verifyReadModels({ ...fixture, readModels, signal })
}

async function schemas({ pool }: UsageFixture): Promise<number> {
  const { rows } = await pool.query("select from pg_namespace where nspname like 'scratch%'")
  return rows.length
}

t.test('what the projector made is what the log says', async (t) => {
  const fixture = await usageFixture(t)
  await track(fixture.store, '1', 'a', 'b', 'a')
  await track(fixture.store, '2', 'a', THROWS, 'a')
  await project(fixture)
  t.match(await verify(fixture), {
    identical: true,
    readModels: [
      {
        readModel: 'uses',
        verdict: 'identical',
        position: 6n,
        parkedStreams: 1,
        tables: [{ table: 'uses', rows: 2, differences: 0, examples: [] }],
      },
      { readModel: 'totals', verdict: 'identical' },
    ],
  })
  t.equal(await schemas(fixture), 0, 'nothing is left behind')
})

t.test('a row that was changed, added or taken away is named', async (t) => {
  const fixture = await usageFixture(t)
  await track(fixture.store, '1', 'a', 'b', 'c')
  await project(fixture)
  await fixture.pool.query(`
    update read.uses set calls = 7 where service_id = 'a';
    delete from read.uses where service_id = 'b';
    insert into read.uses values ('acme', 'd', 1, null)`)
  const { identical, readModels } = await verify(fixture)
  t.equal(identical, false)
  const key = (service_id: string) => ({ tenant_id: 'acme', service_id })
  t.strictSame(readModels[0]?.tables, [
    {
      table: 'uses',
      rows: 3,
      differences: 3,
      examples: [
        { key: key('a'), kind: 'different' },
        { key: key('b'), kind: 'missing' },
        { key: key('d'), kind: 'extra' },
      ],
    },
  ])
  t.equal(readModels[1]?.verdict, 'identical')
})

t.test('a live read model that moves on is verified where it was', async (t) => {
  const fixture = await usageFixture(t)
  const end = runProjector(t, { ...fixture, readModels })
  let appending = true
  const load = (async () => {
    while (appending) await track(fixture.store, '1', 'a', 'b')
  })()
  await waitFor('the first rows', async () => (await callsOf(fixture)).a !== undefined)
  for (let round = 0; round < 3; round++) t.equal((await verify(fixture)).identical, true)
  appending = false
  await load
  await end()
})

t.test('verifying can be broken off and leaves nothing behind', async (t) => {
  const fixture = await usageFixture(t)
  await track(fixture.store, '1', 'a')
  await project(fixture)
  await t.rejects(verify(fixture, AbortSignal.abort()), { name: 'AbortError' })
  t.equal(await schemas(fixture), 0)
})

t.test(
  'a new version is built beside the old one, which readers see until it is done',
  async (t) => {
    const fixture = await usageFixture(t)
    const { pool, store } = fixture
    await track(store, '1', 'a', 'b', 'a')
    await project(fixture)
    // A row of the old meaning that the new version does not have.
    await pool.query(`update read.uses set newest = 'old'`)
    const emptyMoments: number[] = []
    const db = createReadDatabase<unknown>(pool)
    let watching = true
    const watch = (async () => {
      while (watching) {
        const { rows } = await sql<{ n: number }>`select count(*)::int as n from read.uses`.execute(
          db,
        )
        if (rows[0]?.n === 0) emptyMoments.push(Date.now())
      }
    })()
    await track(store, '1', 'c')
    await project(fixture, [{ ...uses, version: 2 }, totals])
    watching = false
    await watch
    t.strictSame(await callsOf(fixture), { a: 2, b: 1, c: 1 })
    t.strictSame(emptyMoments, [], 'no reader saw an empty table')
    const { rows } = await pool.query(`select from read.uses where newest = 'old'`)
    t.equal(rows.length, 0)
    t.equal(await schemas(fixture), 0)
  },
)

t.test('a read model that comes later is built without holding up the others', async (t) => {
  const fixture = await usageFixture(t)
  await track(fixture.store, '1', 'a', 'b')
  await project(fixture, [uses])
  await project(fixture, [uses, totals])
  const { rows } = await fixture.pool.query('select calls from read.totals')
  t.same(rows, [{ calls: 2n }])
  t.equal((await verify(fixture)).identical, true)
})

t.test('a program of an older version leaves the rows of a newer one alone', async (t) => {
  const fixture = await usageFixture(t)
  await track(fixture.store, '1', 'a')
  await project(fixture, [{ ...uses, version: 2 }, totals])
  const end = runProjector(t, { ...fixture, readModels })
  await track(fixture.store, '1', 'a')
  await waitFor('the other read model', async () => {
    const { rows } = await fixture.pool.query('select calls from read.totals')
    return rows[0]?.calls === 2n
  })
  await end()
  t.strictSame(await callsOf(fixture), { a: 1 })
})
