import t from 'tap'
import { type Fence, FencedError, raiseFences } from '../../../infra/postgres/fence.ts'
import { addCheckpoints, readCheckpoints } from '../../../infra/projector/checkpoints.ts'
import { prepareBatch, writeBatch } from '../../../infra/projector/project-batch.ts'
import { type Run, startRun } from '../../../infra/projector/run.ts'
import type { FeedBatch, RecordedEvent } from '../../../services/ports/event-store.ts'
import {
  callsOf,
  totals,
  track,
  type UsageFixture,
  usageFixture,
  uses,
} from '../../support/usage-projection.ts'

const fixture = await usageFixture(t)
const { db, store } = fixture
await addCheckpoints(db, 'read', [uses, totals], ({ version }) => version)

async function newRun({ db }: UsageFixture) {
  const checkpoint = (await readCheckpoints(db, 'read')).get('uses')
  if (checkpoint === undefined) throw new Error('There is no checkpoint.')
  return await startRun(db, 'read', uses, checkpoint)
}

function projectBatch(
  db: UsageFixture['db'],
  schema: string,
  runs: readonly Run[],
  batch: FeedBatch,
  fences: readonly Fence[] = [],
) {
  return writeBatch(db, schema, prepareBatch(runs, batch), fences)
}

async function batchAfter(position: bigint) {
  const events: RecordedEvent[] = []
  for await (const event of store.readAll({ from: position })) events.push(event)
  return { events, through: await store.head() }
}

t.test('a projector that another one overtook writes nothing', async (t) => {
  const stale = await newRun(fixture)
  const working = await newRun(fixture)
  await track(store, '1', 'a', 'a')
  const batch = await batchAfter(0n)
  await projectBatch(db, 'read', [working], batch)
  await t.rejects(projectBatch(db, 'read', [stale], batch), FencedError)
  t.strictSame(await callsOf(fixture), { a: 2 })
})

t.test(
  'a projector whose lease another one has taken writes nothing, wherever the checkpoint is',
  async (t) => {
    const { pool } = fixture
    const query = async <Row>(text: string, values: unknown[] = []) =>
      (await pool.query(text, values)).rows as Row[]
    const take = () => raiseFences({ query }, ['a', 'b'])
    const earlier = await take()
    const later = await take()
    const run = await newRun(fixture)
    await track(store, 'fenced', 'f')
    const batch = await batchAfter(run.checkpoint.position)
    await t.rejects(projectBatch(db, 'read', [run], batch, earlier), FencedError)
    const mixed = [...later.slice(0, 1), ...earlier.slice(1)]
    await t.rejects(projectBatch(db, 'read', [run], batch, mixed), FencedError)
    t.match(await callsOf(fixture), { f: undefined })
    await projectBatch(db, 'read', [run], batch, later)
    t.match(await callsOf(fixture), { f: 1 })
  },
)

t.test('of two that write the same batch at the same moment one gives up', async (t) => {
  const runs = [await newRun(fixture), await newRun(fixture)]
  const before = runs[0]?.checkpoint.position ?? 0n
  await track(store, '2', 'a', 'a', 'a')
  const batch = await batchAfter(before)
  const outcomes = await Promise.allSettled(
    runs.map((run) => projectBatch(db, 'read', [run], batch)),
  )
  t.same(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
  t.match(await callsOf(fixture), { a: 5 })
})

t.test('a batch that was projected before does nothing', async (t) => {
  const run = await newRun(fixture)
  t.strictSame(await projectBatch(db, 'read', [run], await batchAfter(0n)), [])
  t.match(await callsOf(fixture), { a: 5 })
})

t.test('an event whose data cannot be read parks its stream', async (t) => {
  const run = await newRun(fixture)
  await track(store, '3', 'b', 'b')
  const batch = await batchAfter(run.checkpoint.position)
  const events = batch.events.map((event, index) =>
    index === 0 ? { ...event, fault: 'version 9 is unknown' } : event,
  )
  const [plan] = await projectBatch(db, 'read', [run], { ...batch, events })
  t.equal(plan?.parked.length, 2)
  t.match(plan?.parked[0]?.cause, /version 9 is unknown/)
  t.match(await callsOf(fixture), { a: 5 })
})
