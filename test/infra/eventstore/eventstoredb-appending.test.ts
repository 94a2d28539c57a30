import fc from 'fast-check'
import t from 'tap'
import { createEventStoreDbEventStore } from '../../../infra/eventstore/eventstoredb/event-store.ts'
import {
  EventIdConflictError,
  type EventStore,
  EventStoreUnavailableError,
  InvalidEventError,
  RevisionConflictError,
} from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { all, createTestCodec, idsOf } from '../../support/event-store-contract/scene.ts'
import { createStage } from '../../support/eventstoredb-double/stage.ts'
import { waitFor } from '../../support/wait-for.ts'

const HALF_A_MEGABYTE = 'x'.repeat(524_288)

for (const expected of ['no-stream', 'any', 'stream-exists', 0n] as const)
  t.test(`with ${expected}, an answer that is lost after the write leaves one event`, async (t) => {
    const { double, store, newStream, note, context } = await createStage(t)
    const stream = newStream()
    const isNew = expected === 'no-stream' || expected === 'any'
    if (!isNew) await store.append(stream, [note()], 'no-stream', context)
    const events = [note(), note()]
    double.loseAnswers(2)
    const { revision, position } = await store.append(stream, events, expected, context)
    const stored = await all(store.readStream(stream))
    t.same(idsOf(stored).slice(isNew ? 0 : 1), idsOf(events.map(({ id }) => ({ eventId: id }))))
    t.same(
      { revision, position },
      { revision: stored.at(-1)?.revision, position: stored.at(-1)?.position },
    )
  })

for (const expected of ['any', 'stream-exists'] as const)
  t.test(`with ${expected}, a retry after a restart of both sides leaves one event`, async (t) => {
    const { double, store, anotherStore, newStream, note, context } = await createStage(t)
    const stream = newStream()
    await store.append(stream, [note()], 'no-stream', context)
    const events = [note(), note()]
    const first = await store.append(stream, events, expected, context)
    await store.append(stream, [note()], 'any', context)
    await double.kill()
    await double.revive()
    t.same(await anotherStore().append(stream, events, expected, context), first)
    t.equal((await all(store.readStream(stream))).length, 4)
  })

t.test('with any, a part of what was appended in another process is refused', async (t) => {
  const { double, store, anotherStore, newStream, note, context } = await createStage(t)
  const stream = newStream()
  const [a, b] = [note(), note()]
  await store.append(stream, [a, b], 'any', context)
  double.log.forgetIds()
  for (const events of [
    [a, note()],
    [note(), b],
    [b, a],
  ])
    await t.rejects(anotherStore().append(stream, events, 'any', context), EventIdConflictError)
  t.equal((await all(store.readStream(stream))).length, 2)
})

t.test('with any, two processes that write one stream lose and double nothing', async (t) => {
  const { store, anotherStore, newStream, note, context } = await createStage(t)
  const stream = newStream()
  const events = Array.from({ length: 40 }, () => note())
  const stores = [store, anotherStore()]
  await Promise.all(
    stores.flatMap((each) => events.map((event) => each.append(stream, [event], 'any', context))),
  )
  t.same(
    idsOf(await all(store.readStream(stream))).toSorted(),
    events.map(({ id }) => id).toSorted(),
    'each was appended by both and is there once',
  )
})

t.test('an append waits for a server that is starting', async (t) => {
  const { double, store, newStream, note, context } = await createStage(t)
  double.setReady(false)
  const appending = store.append(newStream(), [note()], 'no-stream', context)
  await waitFor('the first sendings', () => double.appendCalls >= 2)
  double.setReady(true)
  t.match(await appending, { revision: 0n })
})

t.test('an append lives through the death and return of the server', async (t) => {
  const { double, store, newStream, note, context } = await createStage(t)
  const stream = newStream()
  const first = await store.append(stream, [note()], 'no-stream', context)
  await double.kill()
  const appending = store.append(stream, [note()], first.revision, context)
  await double.revive()
  t.match(await appending, { revision: 1n })
})

t.test('a server that never answers makes every call fail in its time', async (t) => {
  const { double, store, newStream, note, context } = await createStage(t, 300)
  await store.append(newStream(), [note()], 'any', context)
  double.setHanging(true)
  const calls: Readonly<Record<string, () => Promise<unknown>>> = {
    append: () => store.append(newStream(), [note()], 'no-stream', context),
    'append with any': () => store.append(newStream(), [note()], 'any', context),
    readStream: () => all(store.readStream(newStream())),
    readAll: () => all(store.readAll()),
    head: () => store.head(),
  }
  for (const [what, call] of Object.entries(calls)) {
    const startedAt = performance.now()
    await t.rejects(call(), EventStoreUnavailableError, what)
    t.ok(performance.now() - startedAt < 2_000, `${what} did not wait for ever`)
  }
})

t.test('an append into a frozen server fails, and its retry leaves one event', async (t) => {
  const { double, store, newStream, note, context } = await createStage(t, 400)
  const stream = newStream()
  await store.append(stream, [note()], 'no-stream', context)
  const events = [note()]
  double.freeze()
  await t.rejects(store.append(stream, events, 0n, context), EventStoreUnavailableError)
  double.thaw()
  t.match(await store.append(stream, events, 0n, context), { revision: 1n })
  t.equal((await all(store.readStream(stream))).length, 2)
})

t.test('a retry with a new expectation, after an outcome that stayed unknown', async (t) => {
  const { double, store, newStream, note, context } = await createStage(t, 400)
  const stream = newStream()
  await store.append(stream, [note()], 'no-stream', context)
  const events = [note(), note()]
  double.loseAnswers(Number.POSITIVE_INFINITY)
  await t.rejects(store.append(stream, events, 0n, context), EventStoreUnavailableError)
  double.loseAnswers(0)
  t.match(await store.append(stream, events, 2n, context), { revision: 2n })
  t.equal((await all(store.readStream(stream))).length, 3, 'was written once')
})

t.test('closing one store of a process leaves the appends of another alone', async (t) => {
  const { double, store, anotherStore, newStream, note, context } = await createStage(t)
  const other = anotherStore()
  const append = (to: EventStore) => to.append(newStream(), [note()], 'no-stream', context)
  await append(store)
  await append(other)
  const appends = Array.from({ length: 50 }, () => append(store))
  await waitFor('some to be under way', () => double.appendCalls > 2)
  await other[Symbol.asyncDispose]()
  await Promise.all(appends)
  t.equal(double.appendCalls, 52, 'none had to be sent again')
  await t.rejects(append(other), EventStoreUnavailableError)
})

t.test('an append of more than EventStoreDB takes at once is refused', async (t) => {
  const { double, store, newStream, note, context } = await createStage(t)
  const events = [note(HALF_A_MEGABYTE), note(HALF_A_MEGABYTE)]
  await t.rejects(store.append(newStream(), events, 'any', context), InvalidEventError)
  t.equal(double.appendCalls, 0)
})

t.test('what an operator did to a stream does not break it', async (t) => {
  const { double, store, newStream, note, context } = await createStage(t)
  const streams = { deleted: newStream(), tombstoned: newStream() }
  for (const stream of Object.values(streams))
    await store.append(stream, [note(), note()], 'no-stream', context)

  double.log.delete(streams.deleted, 'any')
  t.same(await all(store.readStream(streams.deleted)), [])
  await t.rejects(
    store.append(streams.deleted, [note()], 'stream-exists', context),
    RevisionConflictError,
  )
  t.match(await store.append(streams.deleted, [note()], 'any', context), { revision: 2n })

  double.log.tombstone(streams.tombstoned, 'any')
  const refused = { name: 'StreamTombstonedError' }
  await t.rejects(store.append(streams.tombstoned, [note()], 'any', context), refused)
  await t.rejects(store.append(streams.tombstoned, [note()], 1n, context), refused)
  await t.rejects(all(store.readStream(streams.tombstoned)), refused)
})

t.test('what the codec made is on the wire byte for byte, and comes back so', async (t) => {
  const { double, store, newStream, note, encoded, context } = await createStage(t)
  const texts = fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.constant('\0\ud800"\\'))
  await fc.assert(
    fc.asyncProperty(texts, async (text) => {
      const [stream, event] = [newStream(), note(text)]
      await store.append(stream, [event], 'no-stream', context)
      const { data, metadata } = encoded.get(event.id) ?? {}
      const stored = double.log.all.at(-1)
      const onTheWire = [stored?.data, stored?.metadata].map((each) =>
        Buffer.from(each ?? []).toString(),
      )
      t.same(onTheWire, [data, metadata])
      const [read] = await all(store.readStream(stream))
      t.same(read?.raw, { data, metadata })
    }),
    { numRuns: 60 },
  )
})

t.test('a connection string that cannot work is refused without repeating its password', (t) => {
  const open = (connectionString: string) => () =>
    createEventStoreDbEventStore({
      connectionString,
      codec: createTestCodec(),
      logger: silent,
      metrics: noMetrics,
    })
  t.throws(open('esdb://localhost:2113'), { name: 'RangeError', message: /needs user:password@/ })
  for (const secret of ['esdb://me:hush@', 'http://me:hush@localhost?tls=false'])
    try {
      open(secret)()
      t.fail('was accepted')
    } catch (error) {
      t.notMatch(String(error), 'hush')
    }
  t.end()
})
