import type { Test } from 'tap'
import { type EventStore, RevisionConflictError } from '../../../services/ports/event-store.ts'
import { all, createScene, followUntil, idsOf, isAscending } from './scene.ts'

export async function concurrencyContract(t: Test, store: EventStore): Promise<void> {
  for (const expected of ['no-stream', 2n] as const)
    await t.test(`of many writers that expect ${expected} exactly one wins`, async (t) => {
      const { newStream, note, context } = createScene(store)
      const stream = newStream()
      if (expected === 2n)
        await store.append(stream, [note(), note(), note()], 'no-stream', context)
      const results = await Promise.allSettled(
        Array.from({ length: 100 }, () => store.append(stream, [note()], expected, context)),
      )
      const won = results.filter(({ status }) => status === 'fulfilled')
      const lost = results.flatMap((result) =>
        result.status === 'rejected' ? [result.reason] : [],
      )
      t.equal(won.length, 1)
      const actual = expected === 2n ? 3n : 0n
      t.ok(lost.every((error) => error instanceof RevisionConflictError && error.actual === actual))
      t.equal((await all(store.readStream(stream))).length, Number(actual) + 1)
    })

  await t.test('writers of one stream that retry on conflict lose nothing', async (t) => {
    const { newStream, counter, context } = createScene(store)
    const stream = newStream()
    await store.append(stream, [counter()], 'no-stream', context)
    await Promise.all(Array.from({ length: 5 }, () => increments(store, stream, 10)))
    const read = await all(store.readStream(stream))
    t.equal(read.length, 51)
    t.same(
      read.map(({ revision }) => Number(revision)),
      [...read.keys()],
    )

    async function increments(store: EventStore, stream: string, times: number): Promise<void> {
      for (let done = 0; done < times; ) {
        const [last] = await all(store.readStream(stream, { direction: 'backwards', limit: 1 }))
        try {
          await store.append(stream, [counter()], last?.revision ?? 'no-stream', context)
          done++
        } catch (error) {
          if (!(error instanceof RevisionConflictError)) throw error
        }
      }
    }
  })

  await t.test(
    'a reader that follows live while many write sees every event once, in log order',
    async (t) => {
      const { newStream, note, context } = createScene(store)
      const after = await store.head()
      const { tenantId } = context
      const [writers, rounds] = [8, 25]
      const following = followUntil(
        (signal) => store.follow({ after, signal, tenantId, maxBatch: 7 }),
        (seen) => seen.length >= writers * rounds * 2,
      )
      const acknowledged = await Promise.all(
        Array.from({ length: writers }, async () => {
          const stream = newStream()
          const positions: bigint[] = []
          for (let round = 0; round < rounds; round++)
            positions.push((await store.append(stream, [note(), note()], 'any', context)).position)
          return positions
        }),
      )
      const { events } = await following
      const stored = await all(store.readAll({ from: after, tenantId }))
      t.same(idsOf(events), idsOf(stored))
      t.ok(isAscending(events.map(({ position }) => position)))
      for (const positions of acknowledged) t.ok(isAscending(positions))
      const together = stored.every(
        ({ revision, stream }, index) =>
          revision % 2n === 0n || stored[index - 1]?.stream === stream,
      )
      t.ok(together, 'the events of one append are contiguous in the log')
    },
  )
}
