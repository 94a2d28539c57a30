import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createUsageRecorder, type ToolCalled } from '../../../services/gateway/call-log.ts'
import {
  type EventStore,
  EventStoreUnavailableError,
  type RecordedEvent,
} from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { waitFor } from '../../support/wait-for.ts'

const installationId = randomUUID()
const ann = { tenantId: 'acme', actorId: 'ann' }
const bob = { tenantId: 'acme', actorId: 'bob' }

function call(tool: string): ToolCalled {
  return {
    installationId,
    serverName: 'io.example/x',
    version: '1.0.0',
    tool,
    durationMs: 1.5,
    outcome: 'ok',
    requestBytes: 1,
    responseBytes: 2,
    calledAt: '2026-01-02T03:04:05.000Z',
  }
}

function sum(amounts: readonly number[]): number {
  return amounts.reduce((total, amount) => total + amount, 0)
}

async function recorded(store: EventStore): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = []
  for await (const event of store.readAll({ types: ['ToolCalled'] })) events.push(event)
  return events
}

/** The store as it is, but the first appends fail: before or after they took effect. */
function unsteady(store: EventStore, failures: readonly ('before' | 'after')[]): EventStore {
  const left = [...failures]
  return {
    append: async (...args) => {
      const failure = left.shift()
      if (failure === 'before') throw new EventStoreUnavailableError('not now')
      const appended = await store.append(...args)
      if (failure === 'after') throw new EventStoreUnavailableError('the answer was lost')
      return appended
    },
    readStream: (...args) => store.readStream(...args),
    readAll: (...args) => store.readAll(...args),
    follow: (...args) => store.follow(...args),
    head: () => store.head(),
    [Symbol.asyncDispose]: async () => undefined,
  }
}

t.test('calls are appended in groups, each caller’s in a stream of their own', async (t) => {
  const { store } = await freshPostgresStore(t)
  let appends = 0
  const counting: EventStore = { ...unsteady(store, []) }
  const recorder = createUsageRecorder({
    store: {
      ...counting,
      append: (...args) => {
        appends++
        return store.append(...args)
      },
    },
    logger: silent,
    metrics: noMetrics,
    flushMs: 20,
  })
  for (let at = 0; at < 50; at++) {
    recorder.record(ann, call(`ann-${at}`))
    recorder.record(bob, call(`bob-${at}`))
  }
  const events = await waitFor('all calls', async () => {
    const found = await recorded(store)
    return found.length === 100 && found
  })
  t.equal(appends, 2)
  for (const actorId of ['ann', 'bob']) {
    const own = events.filter((event) => event.actorId === actorId)
    t.same(
      own.map(({ data }) => data.tool),
      Array.from({ length: 50 }, (_, at) => `${actorId}-${at}`),
    )
    t.same(
      own.map(({ revision }) => revision),
      Array.from({ length: 50 }, (_, at) => BigInt(at)),
    )
    t.equal(new Set(own.map(({ stream }) => stream)).size, 1)
  }
  await recorder[Symbol.asyncDispose]()
})

t.test('nothing is lost or doubled when the store fails before or after an append', async (t) => {
  const { store } = await freshPostgresStore(t)
  const recorder = createUsageRecorder({
    store: unsteady(store, ['before', 'after', 'before']),
    logger: silent,
    metrics: noMetrics,
    flushMs: 1,
  })
  for (let at = 0; at < 30; at++) recorder.record(ann, call(`${at}`))
  await waitFor('the append whose answer is lost', async () => (await recorded(store)).length >= 30)
  recorder.record(ann, call('last'))
  const events = await waitFor('the call after it', async () => {
    const found = await recorded(store)
    return found.some(({ data }) => data.tool === 'last') && found
  })
  await recorder[Symbol.asyncDispose]()
  t.same(
    events.map(({ data }) => data.tool),
    [...Array.from({ length: 30 }, (_, at) => `${at}`), 'last'],
  )
})

t.test('disposing of it appends what still waits', async (t) => {
  const { store } = await freshPostgresStore(t)
  const recorder = createUsageRecorder({
    store,
    logger: silent,
    metrics: noMetrics,
    flushMs: 60_000,
  })
  recorder.record(ann, call('last'))
  await recorder[Symbol.asyncDispose]()
  t.equal((await recorded(store)).length, 1)
})

t.test('a store that stays away costs a bounded number of calls, and says how many', async (t) => {
  const { store } = await freshPostgresStore(t)
  const lost: unknown[] = []
  const counted: number[] = []
  const recorder = createUsageRecorder({
    store: unsteady(store, Array(100).fill('before')),
    logger: { ...silent, error: (fields) => lost.push(fields) },
    metrics: { callsLost: (calls) => counted.push(calls) },
    flushMs: 1,
    maxWaiting: 10,
  })
  for (let at = 0; at < 15; at++) recorder.record(ann, call(`${at}`))
  await recorder[Symbol.asyncDispose]()
  t.match(lost, [{ tenantId: 'acme', actorId: 'ann', lost: 15 }])
  t.equal(sum(counted), 15)
  t.equal((await recorded(store)).length, 0)
})

t.test('calls that do not fit are lost alone, wherever they stand in a group', async (t) => {
  const { store } = await freshPostgresStore(t)
  const counted: number[] = []
  const metrics = { callsLost: (calls: number) => counted.push(calls) }
  const recorder = createUsageRecorder({ store, logger: silent, metrics, flushMs: 60_000 })
  const bad = new Set([0, 7, 8, 150])
  for (let at = 0; at < 151; at++)
    recorder.record(ann, { ...call(`${at}`), ...(bad.has(at) ? { requestBytes: -1 } : {}) })
  await recorder[Symbol.asyncDispose]()
  t.same(
    (await recorded(store)).map(({ data }) => Number(data.tool)),
    Array.from({ length: 151 }, (_, at) => at).filter((at) => !bad.has(at)),
  )
  t.equal(sum(counted), bad.size)
})

t.test('more than one append may carry goes in several', async (t) => {
  const { store } = await freshPostgresStore(t)
  const counted: number[] = []
  const metrics = { callsLost: (calls: number) => counted.push(calls) }
  const groupSize = 2_000
  const recorder = createUsageRecorder({
    store,
    logger: silent,
    metrics,
    groupSize,
    flushMs: 60_000,
  })
  for (let at = 0; at < 1_999; at++) recorder.record(ann, call('名'.repeat(200)))
  await recorder[Symbol.asyncDispose]()
  t.equal((await recorded(store)).length, 1_999)
  t.equal(sum(counted), 0)
})
