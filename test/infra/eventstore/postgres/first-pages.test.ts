import { setImmediate as nextTurn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createFirstPages } from '../../../../infra/eventstore/postgres/first-pages.ts'
import { createPool } from '../../../../infra/postgres/pool.ts'
import type { EventStore } from '../../../../services/ports/event-store.ts'
import { freshDatabase } from '../../../support/database.ts'
import { all, createScene, idsOf } from '../../../support/event-store-contract/scene.ts'
import { openStores } from './open-stores.ts'

const LARGE_TEXT = 'x'.repeat(100_000)

/** Streams of many lengths: none, one event, many, and few that are large. */
async function manyStreams(store: EventStore): Promise<readonly string[]> {
  const { newStream, note, context } = createScene(store)
  const lengths = [0, 1, 3, 199, 200, 201, 450, ...Array.from({ length: 40 }, () => 2)]
  const streams = await Promise.all(
    lengths.map(async (length) => {
      const stream = newStream()
      const events = Array.from({ length }, () => note())
      if (length > 0) await store.append(stream, events, 'no-stream', context)
      return stream
    }),
  )
  const large = newStream()
  const events = Array.from({ length: 6 }, () => note(LARGE_TEXT))
  await store.append(large, events, 'no-stream', context)
  return [...streams, large]
}

t.test(
  'streams that are read at the same time are each read whole, from where it was asked',
  async (t) => {
    const [store] = await openStores(t, 1)
    const streams = await manyStreams(store)
    const froms = [undefined, 0n, 2n, 199n, 200n, 10_000n]
    const reads = streams.flatMap((stream) =>
      froms.map((from) => ({ stream, ...(from !== undefined && { from }) })),
    )
    const read = ({ stream, ...options }: (typeof reads)[number], limit?: number) =>
      all(store.readStream(stream, { ...options, ...(limit !== undefined && { limit }) }))
    const together = await Promise.all(reads.map((each) => read(each)))
    for (const [index, each] of reads.entries()) {
      // With a limit a stream is read by itself.
      const alone = await read(each, 100_000)
      t.same(idsOf(together[index] ?? []), idsOf(alone))
    }
  },
)

t.test('what one turn of the event loop asks for is one question', async (t) => {
  const { pages, asked } = await counted(t)
  const start = (stream: string) => ({ tenantId: 'acme', stream, after: -1n })
  const read = (count: number) =>
    Promise.all(
      Array.from({ length: count }, (_, index) => pages.load(start(`note-acme.${index}`))),
    )
  t.same(
    await read(20),
    Array.from({ length: 20 }, () => ({ events: [], complete: true })),
  )
  t.equal(asked(), 1)
  await read(33)
  t.equal(asked(), 3, 'a question has at most 32 streams')
  const first = read(1)
  await nextTurn()
  await Promise.all([first, read(1)])
  t.equal(asked(), 5)
})

t.test('a question that fails fails for all who asked', async (t) => {
  const pages = createFirstPages(() => Promise.reject(new Error('It is away.')))
  const start = { tenantId: 'acme', stream: 'note-acme.1', after: -1n }
  const outcomes = await Promise.allSettled([pages.load(start), pages.load(start)])
  t.same(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected'],
  )
})

async function counted(t: Test) {
  const { appUrl } = await freshDatabase(t)
  const pool = createPool(appUrl)
  t.teardown(() => pool.end())
  let asked = 0
  const pages = createFirstPages(async (text, values, name) => {
    asked += 1
    return (await pool.query({ text, values: [...values], name, rowMode: 'array' })).rows as never
  })
  return { pages, asked: () => asked }
}
