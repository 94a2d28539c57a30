import t from 'tap'
import { EventIdConflictError } from '../../../../services/ports/event-store.ts'
import {
  all,
  createScene,
  followUntil,
  idsOf,
} from '../../../support/event-store-contract/scene.ts'
import { openStores } from './open-stores.ts'

// What Postgres promises beyond the contract.

t.test('positions are contiguous, from 1', async (t) => {
  const [store] = await openStores(t, 1)
  const { newStream, note, context } = createScene(store)
  t.equal(await store.head(), 0n)
  await Promise.all(
    Array.from({ length: 40 }, () => store.append(newStream(), [note(), note()], 'any', context)),
  )
  const positions = (await all(store.readAll())).map(({ position }) => Number(position))
  t.same(
    positions,
    Array.from({ length: 80 }, (_, index) => index + 1),
  )
})

t.test('an id that another stream has is refused, whoever owns that stream', async (t) => {
  const [store] = await openStores(t, 1)
  const { newStream, note, context } = createScene(store)
  const stranger = createScene(store)
  const event = note()
  await store.append(newStream(), [event], 'any', context)
  for (const { context, newStream } of [createScene(store), stranger])
    for (const expected of ['any', 'no-stream'] as const)
      await t.rejects(store.append(newStream(), [event], expected, context), EventIdConflictError)
  t.equal((await all(store.readAll())).length, 1)
})

t.test('a retry answers as before whatever it expects, at any age', async (t) => {
  const [store, restarted] = await openStores(t, 2)
  const { newStream, note, context } = createScene(store)
  const stream = newStream()
  const event = note()
  const first = await store.append(stream, [event], 'any', context)
  for (let i = 0; i < 5; i++) await store.append(stream, [note()], 'any', context)
  for (const expected of ['any', 'stream-exists', 'no-stream', 5n, 99n] as const)
    t.same(await restarted.append(stream, [event], expected, context), first)
  t.equal((await all(store.readStream(stream))).length, 6)
})

t.test('an append that is refused leaves the others of its transaction alone', async (t) => {
  const [store] = await openStores(t, 1)
  const { newStream, note, context } = createScene(store)
  const [stream, known] = [newStream(), note()]
  await store.append(newStream(), [known], 'any', context)
  const results = await Promise.allSettled([
    store.append(stream, [note()], 'no-stream', context),
    store.append(stream, [note()], 'no-stream', context),
    store.append(newStream(), [known], 'no-stream', context),
    store.append(stream, [note()], 0n, context),
    store.append(newStream(), [note()], 'stream-exists', context),
    store.append(stream, [note()], 'any', context),
  ])
  t.same(
    results.map((result) => (result.status === 'fulfilled' ? 'written' : result.reason.name)),
    [
      'written',
      'RevisionConflictError',
      'EventIdConflictError',
      'written',
      'RevisionConflictError',
      'written',
    ],
  )
  t.equal((await all(store.readStream(stream))).length, 3)
})

t.test('processes that append at the same time share one order without a gap', async (t) => {
  const stores = await openStores(t, 3)
  const [store, , reader] = stores
  const { newStream, note, context } = createScene(store)
  const shared = newStream()
  const [writers, rounds] = [4, 40]
  const total = stores.length * writers * rounds
  const following = followUntil(
    (signal) => reader.follow({ after: 0n, signal }),
    (seen) => seen.length >= total,
  )
  await Promise.all(
    stores.flatMap((store) =>
      Array.from({ length: writers }, async (_, writer) => {
        const stream = writer === 0 ? shared : newStream()
        for (let round = 0; round < rounds; round++)
          await store.append(stream, [note()], 'any', context)
      }),
    ),
  )
  const { events } = await following
  t.same(
    events.map(({ position }) => Number(position)),
    Array.from({ length: total }, (_, i) => i + 1),
  )
  t.same(idsOf(events), idsOf(await all(store.readAll())))
  const revisions = (await all(store.readStream(shared))).map(({ revision }) => Number(revision))
  t.same(
    revisions,
    Array.from({ length: stores.length * rounds }, (_, index) => index),
  )
})

t.test('a busy process lets the others in', async (t) => {
  const [busy, other] = await openStores(t, 2)
  const { newStream, note, context } = createScene(busy)
  let stop = false
  const hammering = Array.from({ length: 8 }, async () => {
    const stream = newStream()
    while (!stop) await busy.append(stream, [note()], 'any', context)
  })
  const startedAt = performance.now()
  for (let i = 0; i < 10; i++) await other.append(newStream(), [note()], 'any', context)
  stop = true
  await Promise.all(hammering)
  t.ok(performance.now() - startedAt < 5_000)
})
