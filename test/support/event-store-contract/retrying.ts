import type { Test } from 'tap'
import { EventIdConflictError, type EventStore } from '../../../services/ports/event-store.ts'
import { all, createScene, idsOf } from './scene.ts'

export async function retryContract(t: Test, store: EventStore): Promise<void> {
  for (const expected of ['no-stream', 'any'] as const)
    await t.test(`beginning a stream again with ${expected} answers as before`, async (t) => {
      const { newStream, note, context } = createScene(store)
      const stream = newStream()
      const events = [note(), note()]
      const first = await store.append(stream, events, expected, context)
      t.same(await store.append(stream, events, expected, context), first)
      t.same(
        idsOf(await all(store.readStream(stream))),
        events.map(({ id }) => id),
      )
    })

  for (const expected of [0n, 'stream-exists', 'any'] as const)
    await t.test(`going on again with ${expected} answers as before`, async (t) => {
      const { newStream, note, context } = createScene(store)
      const stream = newStream()
      await store.append(stream, [note()], 'no-stream', context)
      const events = [note(), note()]
      const first = await store.append(stream, events, expected, context)
      t.same(await store.append(stream, events, expected, context), first)
      t.equal((await all(store.readStream(stream))).length, 3)
    })

  await t.test('a retry that comes after later events answers as before', async (t) => {
    const { newStream, note, context } = createScene(store)
    const stream = newStream()
    const events = [note(), note()]
    const begun = await store.append(stream, events, 'no-stream', context)
    const next = [note()]
    const went = await store.append(stream, next, begun.revision, context)
    await store.append(stream, [note(), note()], went.revision, context)
    t.same(await store.append(stream, events, 'no-stream', context), begun)
    t.same(await store.append(stream, next, begun.revision, context), went)
    t.equal((await all(store.readStream(stream))).length, 5)
  })

  await t.test('the same append sent many times at once is written once', async (t) => {
    const { newStream, note, context } = createScene(store)
    const stream = newStream()
    const events = [note(), note()]
    const results = await Promise.all(
      Array.from({ length: 8 }, () => store.append(stream, events, 'no-stream', context)),
    )
    for (const result of results) t.same(result, results[0])
    t.equal((await all(store.readStream(stream))).length, 2)
  })

  await t.test('an append of which only a part was written before is refused', async (t) => {
    const { newStream, note, context } = createScene(store)
    const stream = newStream()
    const [a, b, fresh] = [note(), note(), note()]
    await store.append(stream, [a, b], 'no-stream', context)
    for (const events of [
      [a, fresh],
      [a, b, fresh],
      [fresh, a],
    ])
      await t.rejects(store.append(stream, events, 'no-stream', context), EventIdConflictError)
    t.same(idsOf(await all(store.readStream(stream))), [a.id, b.id])
  })
}
