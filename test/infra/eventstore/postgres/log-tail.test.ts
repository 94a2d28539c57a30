import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createPostgresEventStore } from '../../../../infra/eventstore/postgres/store.ts'
import { createPool } from '../../../../infra/postgres/pool.ts'
import type {
  EventFilter,
  EventStore,
  FollowOptions,
  Position,
} from '../../../../services/ports/event-store.ts'
import { silent } from '../../../../services/ports/logger.ts'
import { noMetrics } from '../../../../services/ports/metrics.ts'
import { freshDatabase } from '../../../support/database.ts'
import {
  all,
  createScene,
  createTestCodec,
  followUntil,
  idsOf,
} from '../../../support/event-store-contract/scene.ts'
import { waitFor } from '../../../support/wait-for.ts'
import { openStores } from './open-stores.ts'

const ROUNDS = 30
const AT_ONCE = 100

/** What a follower was given when it had come to `end`; it works for a while on each batch. */
async function given(
  store: EventStore,
  options: Omit<FollowOptions, 'signal'>,
  end: Position,
  worksMs: number,
): Promise<string[]> {
  const seen: string[] = []
  const { signal } = new AbortController()
  for await (const { events, through } of store.follow({ ...options, signal })) {
    seen.push(...idsOf(events))
    if (through >= end) return seen
    await delay(worksMs)
  }
  throw new Error('The feed ended.')
}

t.test('followers of one process get what each asked for, whatever others read', async (t) => {
  const [store, elsewhere] = await openStores(t, 2)
  const { newStream, note, counter, context } = createScene(store)
  const [one, other] = [newStream(), newStream()]
  const end = BigInt(2 * ROUNDS * AT_ONCE)
  const filters: readonly EventFilter[] = [
    ...[{}, { types: ['NoteWritten'] }, { types: ['CounterMoved'], streams: [other] }],
    ...[{ streams: [one] }, { tenantId: context.tenantId }, { tenantId: 'nobody' }],
  ]
  const wanted = filters.flatMap((filter, index) => [
    { ...filter, after: 0n, maxBatch: 50, worksMs: 0 },
    { ...filter, after: BigInt(index * 700), maxBatch: 1_000, worksMs: 5 * index },
  ])
  const following = wanted.map(({ worksMs, ...options }) => given(store, options, end, worksMs))
  const append = async (by: EventStore, stream: string, make: typeof note | typeof counter) => {
    for (let round = 0; round < ROUNDS; round++)
      await by.append(
        stream,
        Array.from({ length: AT_ONCE }, () => make()),
        'any',
        context,
      )
  }
  await Promise.all([append(store, one, note), append(elsewhere, other, () => counter())])
  const logged = await all(store.readAll())
  for (const [index, ids] of (await Promise.all(following)).entries()) {
    const { after = 0n, types, streams, tenantId = context.tenantId } = wanted[index] ?? {}
    const passes = logged.filter(
      (event) =>
        event.position > after &&
        event.tenantId === tenantId &&
        (types?.includes(event.type) ?? true) &&
        (streams?.includes(event.stream) ?? true),
    )
    t.strictSame(ids, idsOf(passes), `follower ${index}`)
  }
})

t.test('what one follower has read, the others find in memory', async (t) => {
  const { store, reads } = await counted(t)
  const { newStream, note, context } = createScene(store)
  const stop = new AbortController()
  const through = Array.from({ length: 8 }, () => 0n)
  const follow = async (index: number) => {
    const types = index === 0 ? {} : { types: ['NoteWritten', `Other${index}`] }
    for await (const batch of store.follow({ ...types, after: 0n, signal: stop.signal }))
      through[index] = batch.through
  }
  const followers = through.map((_, index) => follow(index))
  const stream = newStream()
  const told = async (round: bigint) => {
    await store.append(stream, [note()], 'any', context)
    await waitFor('all to have it', () => through.every((each) => each === round))
  }
  await told(1n)
  const before = reads()
  for (let round = 2n; round <= 31n; round++) await told(round)
  const each = (reads() - before) / 30
  t.ok(each < 2, `${each.toFixed(1)} reads for an event and 8 followers`)
  stop.abort()
  await Promise.all(followers)
  const { events } = await followUntil(
    (signal) => store.follow({ after: 0n, signal }),
    (seen) => seen.length === 31,
  )
  t.equal(events.length, 31, 'a later one reads for itself')
})

t.test('a follower that fell behind what is kept is given everything, once', async (t) => {
  const [store] = await openStores(t, 1)
  const { newStream, note, context } = createScene(store)
  const stream = newStream()
  const append = (count: number) =>
    store.append(
      stream,
      Array.from({ length: count }, () => note()),
      'any',
      context,
    )
  const { signal } = new AbortController()
  const slow = store.follow({ after: 0n, signal, maxBatch: 700 })[Symbol.asyncIterator]()
  const seen: string[] = []
  const next = async () => {
    const { value, done } = await slow.next()
    if (done === true) throw new Error('The feed ended.')
    seen.push(...idsOf(value.events))
    return value.through
  }
  let end = (await append(1_000)).position
  t.ok((await next()) < end)
  end = (await append(200)).position
  await given(store, { after: end - 200n }, end, 0)
  while ((await next()) < end) {}
  t.strictSame(seen, idsOf(await all(store.readAll())), 'others read beyond where it goes to')
  for (let round = 0; round < 8; round++) {
    end = (await append(400)).position
    // Others read it meanwhile, and what is kept goes on with them.
    await given(store, { after: end - 400n }, end, 0)
  }
  while ((await next()) < end) {}
  t.strictSame(seen, idsOf(await all(store.readAll())))
})

t.test('of events that are too much for one reading none is left out', async (t) => {
  const [store] = await openStores(t, 1)
  const { newStream, note, context } = createScene(store)
  const text = 'x'.repeat(1_000_000)
  for (let count = 0; count < 12; count++)
    await store.append(newStream(), [note(text)], 'any', context)
  t.equal((await given(store, { after: 0n }, 12n, 0)).length, 12)
})

async function counted(t: Test) {
  const { appUrl } = await freshDatabase(t)
  const pool = createPool(appUrl, { max: 8 })
  let reads = 0
  pool.on('acquire', () => {
    reads += 1
  })
  const codec = createTestCodec()
  const store = createPostgresEventStore({ pool, codec, logger: silent, metrics: noMetrics })
  t.teardown(async () => {
    await store[Symbol.asyncDispose]()
    await pool.end()
  })
  return { store, reads: () => reads }
}
