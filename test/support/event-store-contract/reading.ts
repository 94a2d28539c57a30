import type { Test } from 'tap'
import type { EventStore } from '../../../services/ports/event-store.ts'
import { all, createScene, idsOf, isAscending } from './scene.ts'

const LONG = 4_321

export async function readingContract(t: Test, store: EventStore): Promise<void> {
  await readingStreams(t, store)
  await readingTheLog(t, store)
}

async function readingStreams(t: Test, store: EventStore): Promise<void> {
  await t.test('an absent stream reads as empty', async (t) => {
    const { newStream } = createScene(store)
    t.same(await all(store.readStream(newStream())), [])
    t.same(await all(store.readStream(newStream(), { direction: 'backwards' })), [])
    t.same(await all(store.readStream('not a name that a stream can have')), [])
  })

  await t.test('a stream reads from any revision, both ways, within a limit', async (t) => {
    const { newStream, counter, context } = createScene(store)
    const stream = newStream()
    await store.append(
      stream,
      Array.from({ length: 6 }, (_, by) => counter(by)),
      'any',
      context,
    )
    const revisions = async (options: Parameters<EventStore['readStream']>[1]) =>
      (await all(store.readStream(stream, options))).map(({ revision }) => Number(revision))
    t.same(await revisions({}), [0, 1, 2, 3, 4, 5])
    t.same(await revisions({ from: 0n }), [0, 1, 2, 3, 4, 5])
    t.same(await revisions({ from: 2n, limit: 2 }), [2, 3])
    t.same(await revisions({ from: 6n }), [])
    t.same(await revisions({ from: 2n ** 70n }), [])
    t.same(await revisions({ limit: 0 }), [])
    t.same(await revisions({ direction: 'backwards' }), [5, 4, 3, 2, 1, 0])
    t.same(await revisions({ direction: 'backwards', limit: 1 }), [5])
    t.same(await revisions({ direction: 'backwards', from: 2n }), [2, 1, 0])
    t.same(await revisions({ direction: 'backwards', from: 99n, limit: 2 }), [5, 4])
  })

  await t.test(`a stream of ${LONG} events reads whole, in order`, async (t) => {
    const { newStream, counter, context } = createScene(store)
    const stream = newStream()
    const numbers = Array.from({ length: LONG }, (_, by) => by)
    for (let from = 0; from < LONG; from += 500)
      await store.append(stream, numbers.slice(from, from + 500).map(counter), 'any', context)
    const forwards = await all(store.readStream(stream))
    t.same(
      forwards.map(({ data }) => data.by),
      numbers,
    )
    const backwards = await all(store.readStream(stream, { direction: 'backwards' }))
    t.same(idsOf(backwards), idsOf(forwards).reverse())
    t.equal((await all(store.readStream(stream, { from: 1_000n, limit: 3_000 }))).length, 3_000)
  })

  await t.test('a reader may stop early', async (t) => {
    const { newStream, counter, context } = createScene(store)
    const stream = newStream()
    await store.append(
      stream,
      Array.from({ length: 2_500 }, () => counter()),
      'any',
      context,
    )
    for await (const { revision } of store.readStream(stream)) if (revision === 3n) break
    t.equal((await all(store.readStream(stream, { limit: 1 }))).length, 1)
  })
}

async function readingTheLog(t: Test, store: EventStore): Promise<void> {
  await t.test('the log reads in the order of appends, across streams', async (t) => {
    const { newStream, note, context } = createScene(store)
    const before = await store.head()
    const streams = [newStream(), newStream(), newStream()]
    const written: string[] = []
    for (let round = 0; round < 4; round++)
      for (const stream of streams) {
        const events = [note(), note()]
        await store.append(stream, events, 'any', context)
        written.push(...events.map(({ id }) => id))
      }
    const read = await all(store.readAll({ from: before, tenantId: context.tenantId }))
    t.same(idsOf(read), written)
    t.ok(isAscending(read.map(({ position }) => position)))
    t.equal(await store.head(), read.at(-1)?.position)
    const backwards = { tenantId: context.tenantId, direction: 'backwards' } as const
    t.same(idsOf(await all(store.readAll(backwards))), [...written].reverse())
  })

  await t.test('the log reads from after a position, or before it backwards', async (t) => {
    const { newStream, note, context } = createScene(store)
    const events = Array.from({ length: 5 }, () => note())
    await store.append(newStream(), events, 'any', context)
    const ids = events.map(({ id }) => id)
    const { tenantId } = context
    const from = (await all(store.readAll({ tenantId })))[2]?.position ?? 0n
    t.same(idsOf(await all(store.readAll({ tenantId, from }))), ids.slice(3))
    t.same(idsOf(await all(store.readAll({ tenantId, from, limit: 1 }))), ids.slice(3, 4))
    t.same(
      idsOf(await all(store.readAll({ tenantId, from, direction: 'backwards' }))),
      ids.slice(0, 2).reverse(),
    )
    t.same(
      idsOf(await all(store.readAll({ tenantId, direction: 'backwards', limit: 2 }))),
      ids.slice(3).reverse(),
    )
    t.same(await all(store.readAll({ tenantId, from: await store.head() })), [])
    t.same(await all(store.readAll({ tenantId, limit: 0 })), [])
  })

  await t.test('the log reads by type, by stream and by tenant', async (t) => {
    const ours = createScene(store)
    const theirs = createScene(store)
    const before = await store.head()
    const [a, b, c, d] = [ours.note(), ours.counter(), theirs.note(), ours.note()]
    const [one, other] = [ours.newStream(), theirs.newStream()]
    await store.append(one, [a, b], 'any', ours.context)
    await store.append(other, [c], 'any', theirs.context)
    await store.append(ours.newStream(), [d], 'any', ours.context)
    const { tenantId } = ours.context
    const read = async (filter: Parameters<EventStore['readAll']>[0]) =>
      idsOf(await all(store.readAll({ from: before, ...filter })))
    t.same(await read({ types: ['NoteWritten'] }), [a.id, c.id, d.id])
    t.same(await read({ types: ['NoteWritten'], tenantId }), [a.id, d.id])
    t.same(await read({ types: ['NoteWritten', 'CounterMoved'], tenantId }), [a.id, b.id, d.id])
    t.same(await read({ types: [], tenantId }), [])
    t.same(await read({ types: ['Never\0Written'] }), [])
    t.same(await read({ types: ['NoteWritten'], limit: 2 }), [a.id, c.id])
    t.same(await read({ tenantId: theirs.context.tenantId }), [c.id])
    t.same(await read({ streams: [one] }), [a.id, b.id])
    t.same(await read({ streams: [one, other], types: ['NoteWritten'] }), [a.id, c.id])
    t.same(await read({ streams: [one, other], tenantId }), [a.id, b.id])
    t.same(await read({ streams: ['no-stream\0'] }), [])
  })
}
