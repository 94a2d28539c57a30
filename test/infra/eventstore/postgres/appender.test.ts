import t from 'tap'
import { createPool } from '../../../../infra/postgres/pool.ts'
import { freshDatabase } from '../../../support/database.ts'
import { all, createScene } from '../../../support/event-store-contract/scene.ts'
import { openStore } from './open-stores.ts'

t.test('appends that wait together share a transaction', async (t) => {
  const { appUrl } = await freshDatabase(t)
  const store = openStore(t, appUrl)
  const { newStream, note, context } = createScene(store)
  await Promise.all(
    Array.from({ length: 100 }, () => store.append(newStream(), [note()], 'any', context)),
  )
  t.ok((await transactions(t, appUrl)) <= 3, 'the first goes alone, the others follow together')
})

t.test('a transaction is bounded, and a single large append still goes through', async (t) => {
  const { appUrl } = await freshDatabase(t)
  const store = openStore(t, appUrl)
  const { newStream, note, context } = createScene(store)
  const many = (count: number) => Array.from({ length: count }, () => note(''))
  await Promise.all(
    [1, 1_500, 1_500, 5_000, 10].map((count) =>
      store.append(newStream(), many(count), 'no-stream', context),
    ),
  )
  t.equal((await all(store.readAll())).length, 8_011)
  t.equal(await transactions(t, appUrl), 5)
})

t.test('a store that is closed finishes what it began and takes no more', async (t) => {
  const { appUrl } = await freshDatabase(t)
  const store = openStore(t, appUrl)
  const { newStream, note, context } = createScene(store)
  const begun = Array.from({ length: 30 }, () =>
    store.append(newStream(), [note()], 'any', context),
  )
  await store[Symbol.asyncDispose]()
  t.equal((await Promise.all(begun)).length, 30)
  await t.rejects(store.append(newStream(), [note()], 'any', context), {
    name: 'EventStoreUnavailableError',
  })
})

t.test('another process may append as soon as this one has nothing more to append', async (t) => {
  const { appUrl } = await freshDatabase(t)
  const [one, other] = [openStore(t, appUrl), openStore(t, appUrl)]
  const { newStream, note, context } = createScene(one)
  const stream = newStream()
  for (let revision = 0; revision < 20; revision++) {
    const store = revision % 2 === 0 ? one : other
    const expected = revision === 0 ? 'no-stream' : BigInt(revision - 1)
    t.match(await store.append(stream, [note()], expected, context), { revision: BigInt(revision) })
  }
})

async function transactions(
  t: { teardown: (end: () => Promise<void>) => void },
  url: string,
): Promise<number> {
  const pool = createPool(url, { max: 1 })
  t.teardown(() => pool.end())
  const { rows } = await pool.query(
    'select count(distinct xmin::text)::int as transactions from log.events',
  )
  return rows[0].transactions
}
