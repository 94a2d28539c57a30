import t from 'tap'
import type { NewEvent, RecordedEvent } from '../../../services/ports/event-store.ts'
import { all, followUntil, idsOf } from '../../support/event-store-contract/scene.ts'
import { createStage, type Stage } from '../../support/eventstoredb-double/stage.ts'
import { waitFor } from '../../support/wait-for.ts'

const FAULTS: Readonly<Record<string, (stage: Stage) => Promise<void> | void>> = {
  'is dropped as too slow': ({ double }) => double.dropSubscribersAsTooSlow(),
  'loses its connection': ({ double }) => double.dropConnections(),
  'is silent though its connection lives': ({ double }) => double.muteSubscribers(),
  'is frozen with the server for a while': async ({ double, store }) => {
    double.freeze()
    await store.head().catch((error) => error)
    double.thaw()
  },
  'sees the server die and return': async ({ double }) => {
    await double.kill()
    await double.revive()
  },
  'sees the server die, be away, start and be there again': async ({ double, store }) => {
    await double.kill()
    await store.head().catch((error) => error)
    double.setReady(false)
    await double.revive()
    await store.head().catch((error) => error)
    double.setReady(true)
  },
}

for (const [what, fault] of Object.entries(FAULTS))
  t.test(`a follower that ${what} goes on without a gap or a repeat`, async (t) => {
    const stage = await createStage(t, 1_000)
    const expected = await written(stage, 30)
    const seen: string[] = []
    const following = followUntil(
      (signal) => stage.store.follow({ after: 0n, signal, maxBatch: 10 }),
      (events) => {
        seen.splice(0, seen.length, ...idsOf(events))
        return events.length >= 90
      },
    )
    await waitFor('the follower to be live', () => seen.length === 30)
    for (const _ of [1, 2]) {
      await fault(stage)
      expected.push(...(await written(stage, 30)))
    }
    t.same(idsOf((await following).events), expected)
  })

t.test('a consumer that stops for a while gets everything afterwards', async (t) => {
  const stage = await createStage(t)
  const expected = await written(stage, 1)
  const stop = new AbortController()
  const seen: RecordedEvent[] = []
  const feed = stage.store.follow({ after: 0n, signal: stop.signal })
  for await (const { events } of feed) {
    if (seen.length === 0) expected.push(...(await written(stage, 6_000)))
    seen.push(...events)
    if (seen.length >= expected.length) break
  }
  t.same(idsOf(seen), expected)
})

t.test('a filtered follower is told of a position that it waits for', async (t) => {
  const stage = await createStage(t)
  const { store, newStream, note, counter, context } = stage
  const wanted = note()
  await store.append(
    newStream(),
    [...Array(50)].map(() => counter()).concat(wanted),
    'any',
    context,
  )
  for (let i = 0; i < 5; i++) await store.append(newStream(), [counter()], 'any', context)
  const head = await store.head()
  const { events } = await followUntil(
    (signal) => store.follow({ after: 0n, signal, types: ['NoteWritten'] }),
    (_, through) => through >= head,
  )
  t.same(idsOf(events), [wanted.id])
})

t.test('a position that is no event’s does for reading and for following', async (t) => {
  const stage = await createStage(t)
  const { store } = stage
  const ids = await written(stage, 5)
  const positions = (await all(store.readAll())).map(({ position }) => position)
  const inside = (positions[2] ?? 0n) + 1n
  t.same(idsOf(await all(store.readAll({ from: inside }))), ids.slice(3))
  const backwards = { direction: 'backwards' } as const
  t.same(idsOf(await all(store.readAll({ ...backwards, from: inside }))), ids.slice(0, 3).reverse())
  t.same(idsOf(await all(store.readAll({ ...backwards, from: 2n ** 60n }))), [...ids].reverse())
  for (const filter of [{}, { types: ['NoteWritten', 'CounterMoved'] }]) {
    const { events } = await followUntil(
      (signal) => store.follow({ after: inside, signal, ...filter }),
      (seen) => seen.length >= 2,
    )
    t.same(idsOf(events), ids.slice(3))
  }
})

t.test('EventStoreDB’s own events are in no reading and no feed', async (t) => {
  const stage = await createStage(t)
  const { double, store, newStream, note, context } = stage
  t.equal(await store.head(), 0n)
  const stream = newStream()
  const { position } = await store.append(stream, [note()], 'any', context)
  double.log.delete(stream, 'any')
  t.equal(await store.head(), position)
  const read = await all(store.readAll())
  t.same(
    read.map(({ type }) => type),
    ['NoteWritten'],
  )
})

t.test('a reading goes on when the connection breaks in its middle', async (t) => {
  const stage = await createStage(t)
  const { double, store } = stage
  const ids = await written(stage, 1_200)
  for (const direction of ['forwards', 'backwards'] as const) {
    const seen: string[] = []
    for await (const { eventId } of store.readAll({ direction })) {
      seen.push(eventId)
      if (seen.length === 100 || seen.length === 700) double.dropConnections()
    }
    t.same(seen, direction === 'forwards' ? ids : ids.toReversed())
  }
})

/** Ids of that many new events, in log order. */
async function written(
  { store, newStream, note, context }: Stage,
  count: number,
): Promise<string[]> {
  const ids: string[] = []
  while (ids.length < count) {
    const events: readonly NewEvent[] = Array.from(
      { length: Math.min(count - ids.length, count > 100 ? 200 : 1) },
      () => note(),
    )
    await store.append(newStream(), events, 'no-stream', context)
    ids.push(...events.map(({ id }) => id))
  }
  return ids
}
