import type { Test } from 'tap'
import type { EventStore } from '../../../services/ports/event-store.ts'
import { waitFor } from '../wait-for.ts'
import { all, createScene, followUntil, idsOf, isAscending } from './scene.ts'

export async function followingContract(t: Test, store: EventStore): Promise<void> {
  await t.test('following catches up and goes on live without a gap or a repeat', async (t) => {
    const { newStream, note, context } = createScene(store)
    const { tenantId } = context
    const after = await store.head()
    for (let i = 0; i < 6; i++)
      await store.append(
        newStream(),
        Array.from({ length: 100 }, () => note()),
        'any',
        context,
      )
    const writers = Array.from({ length: 4 }, async () => {
      const stream = newStream()
      for (let i = 0; i < 50; i++) await store.append(stream, [note()], 'any', context)
    })
    const { events, batches } = await followUntil(
      (signal) => store.follow({ after, signal, tenantId, maxBatch: 64 }),
      (seen) => seen.length >= 800,
    )
    await Promise.all(writers)
    t.same(idsOf(events), idsOf(await all(store.readAll({ from: after, tenantId }))))
    t.ok(isAscending(batches.map(({ through }) => through)))
    t.ok(batches.every((batch) => batch.events.length <= 64))
    t.ok(batches.every((batch) => (batch.events.at(-1)?.position ?? 0n) <= batch.through))
  })

  await t.test('following resumes from any position', async (t) => {
    const { newStream, note, context } = createScene(store)
    const { tenantId } = context
    await store.append(
      newStream(),
      Array.from({ length: 12 }, () => note()),
      'any',
      context,
    )
    const stored = await all(store.readAll({ tenantId }))
    for (const [index, { position }] of stored.slice(0, -1).entries()) {
      const { events } = await followUntil(
        (signal) => store.follow({ after: position, signal, tenantId }),
        (seen) => seen.length >= stored.length - index - 1,
      )
      t.same(idsOf(events), idsOf(stored.slice(index + 1)))
    }
  })

  await t.test('a batch in hand resumes where its `through` says', async (t) => {
    const { newStream, note, counter, context } = createScene(store)
    const { tenantId } = context
    const after = await store.head()
    const stream = newStream()
    for (let i = 0; i < 10; i++) await store.append(stream, [note(), counter()], 'any', context)
    const filter = { tenantId, types: ['NoteWritten'], maxBatch: 3 }
    const seen: string[] = []
    for (let through = after; seen.length < 10; ) {
      const { batches } = await followUntil(
        (signal) => store.follow({ after: through, signal, ...filter }),
        () => true,
      )
      seen.push(...idsOf(batches[0]?.events ?? []))
      through = batches[0]?.through ?? through
    }
    t.same(seen, idsOf(await all(store.readAll({ from: after, ...filter }))))
  })

  await t.test('`through` goes on over events that do not pass the filter', async (t) => {
    const { newStream, note, counter, context } = createScene(store)
    const after = await store.head()
    const { position } = await store.append(newStream(), [note(), note()], 'any', context)
    const caughtUp = await followUntil(
      (signal) => store.follow({ after, signal, types: ['CounterMoved'] }),
      (_, through) => through >= position,
    )
    t.same(caughtUp.events, [])
    const live = followUntil(
      (signal) => store.follow({ after: position, signal, types: ['CounterMoved'] }),
      (seen) => seen.length === 1,
    )
    await store.append(newStream(), [note()], 'any', context)
    const moved = counter()
    await store.append(newStream(), [moved], 'any', context)
    t.same(idsOf((await live).events), [moved.id])
  })

  await t.test('following some streams leaves out the others, before and after', async (t) => {
    const { newStream, note, context } = createScene(store)
    const after = await store.head()
    const streams = [newStream(), newStream('a.b+c@1 (d)')]
    const events = [note(), note(), note(), note()]
    const [first = '', second = ''] = streams
    await store.append(first, events.slice(0, 1), 'any', context)
    await store.append(newStream('a.b+c@1 (d)x'), [note()], 'any', context)
    await store.append(second, events.slice(1, 2), 'any', context)
    const followed = followUntil(
      (signal) => store.follow({ after, signal, streams }),
      (seen) => seen.length === 4,
    )
    await store.append(newStream(), [note()], 'any', context)
    await store.append(first, events.slice(2, 4), 'any', context)
    t.same(
      idsOf((await followed).events),
      events.map(({ id }) => id),
    )
  })

  await t.test('several followers each see everything', async (t) => {
    const { newStream, note, context } = createScene(store)
    const { tenantId } = context
    const after = await store.head()
    const followers = Array.from({ length: 5 }, () =>
      followUntil(
        (signal) => store.follow({ after, signal, tenantId }),
        (seen) => seen.length === 20,
      ),
    )
    for (let i = 0; i < 20; i++) await store.append(newStream(), [note()], 'any', context)
    const expected = idsOf(await all(store.readAll({ from: after, tenantId })))
    for (const { events } of await Promise.all(followers)) t.same(idsOf(events), expected)
  })

  await t.test('aborting ends a follower that waits', async (t) => {
    const stop = new AbortController()
    const after = await store.head()
    let ended = false
    const following = (async () => {
      for await (const _ of store.follow({ after, signal: stop.signal }));
      ended = true
    })()
    const { newStream, note, context } = createScene(store)
    await store.append(newStream(), [note()], 'any', context)
    stop.abort()
    await waitFor('the follower to end', () => ended, 5_000)
    await following
    for await (const _ of store.follow({ after, signal: AbortSignal.abort() })) t.fail('no batch')
  })
}
