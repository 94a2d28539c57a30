import { randomUUID } from 'node:crypto'
import t from 'tap'
import { runStream } from '../../../domain/workflows/run/run.ts'
import { createPool } from '../../../infra/postgres/pool.ts'
import { createRunWaits } from '../../../infra/workflows/run-waits.ts'
import type { EventStore } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import type { TimerRow } from '../../../services/ports/run-waits.ts'
import { RunDrive } from '../../../services/workflows/drive.ts'
import { createPrograms } from '../../../services/workflows/programs.ts'
import { startRun } from '../../../services/workflows/start-run.ts'
import { Timers } from '../../../services/workflows/timers.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { sealing, testKeys } from '../../support/sealing.ts'
import { waitFor } from '../../support/wait-for.ts'
import { applied, WORKFLOW_OWNER } from '../../support/workflow-parts.ts'
import { workflow } from '../../support/workflow-run.ts'

const WAITING = 100_000
const DUE = 100
const MINUTE_MS = 60_000
const tenantId = 'acme'
const nothing = { over: [], runsOver: [], listeners: [] }

t.test('of 100,000 timers those that are due fire, once, and no other is read', async (t) => {
  const { store: log, pool, appUrl } = await freshPostgresStore(t)
  const events = sealing(log, await testKeys(t, pool))
  // One session, whose statistics are told at once.
  const own = createPool(appUrl, { max: 1 })
  t.teardown(() => own.end())
  const waits = createRunWaits(own)
  const begun = Date.now()
  let aheadMs = 0
  const now = () => new Date(begun + aheadMs)

  const programs = createPrograms(events)
  const wanted = { namespace: 'test', name: 'example', owner: WORKFLOW_OWNER, input: {} }
  const id = randomUUID()
  const context = { tenantId, actorId: 'test', correlationId: id, causationId: id }
  const never = new AbortController().signal
  const perform = async () => 'later' as const
  const drive = {
    events,
    programs,
    now,
    perform,
    metrics: noMetrics,
    logger: silent,
    random: () => 0.5,
  }
  await applied(events, workflow([{ pause: { wait: 'PT1H' } }]))
  const due: TimerRow[] = []
  for (let index = 0; index < DUE; index++) {
    const { runId } = await startRun(drive, { ...wanted, trigger: 'request' }, context)
    await new RunDrive(drive, never).go({ tenantId, runId }, never)
    due.push({ tenantId, runId, step: 1, dueAt: new Date(begun + 60 * MINUTE_MS) })
  }
  const others = Array.from({ length: WAITING - DUE }, (_, index) => {
    return { tenantId, runId: randomUUID(), step: 1, dueAt: new Date(begun + index * 1_000 + 1e9) }
  })
  await waits.apply({ ...nothing, timers: [...others, ...due] }, 1n)
  await own.query('analyze ops.workflow_timers')

  const read = async () => {
    await own.query('select pg_stat_force_next_flush()')
    const { rows } = await own.query<{ read: string }>(`
      select (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::text as read
      from pg_stat_user_tables where schemaname = 'ops' and relname = 'workflow_timers'`)
    return Number(rows[0]?.read)
  }
  const fired = async () => {
    const runs: unknown[] = []
    for await (const { data } of log.readAll({ types: ['TimerFired'] })) runs.push(data.runId)
    return runs
  }

  let before = await read()
  t.same(await waits.due(new Date(begun + 59 * MINUTE_MS), 500), [])
  t.equal(Number(await waits.nextDue()), begun + 60 * MINUTE_MS)
  t.ok((await read()) - before <= 2, 'a look at the clock reads the next timer and no other')

  before = await read()
  aheadMs = 61 * MINUTE_MS
  const stop = new AbortController()
  const running = [1, 2].map(() =>
    new Timers({ events, waits, metrics: noMetrics, logger: silent, now }).run(stop.signal),
  )
  await waitFor('the rows to be gone', async () => (await waits.due(now(), 1)).length === 0, 60_000)
  stop.abort()
  await Promise.all(running)
  const touched = (await read()) - before
  t.ok(touched < WAITING / 10, `${touched} rows were read to fire ${DUE}`)
  const runs = await fired()
  t.same([...runs].sort(), due.map(({ runId }) => runId).sort(), 'each of them once')
  const counted = await own.query<{ count: string }>('select count(*) from ops.workflow_timers')
  t.equal(Number(counted.rows[0]?.count), WAITING - DUE)
})

t.test('a run that cannot be read keeps no other timer waiting', async (t) => {
  const { store: log, pool } = await freshPostgresStore(t)
  const { subjectKeys } = await testKeys(t, pool)
  const events = sealing(log, { subjectKeys })
  const waits = createRunWaits(pool)
  const now = () => new Date('2026-01-01T00:00:00.000Z')
  const [damaged, absent] = [randomUUID(), randomUUID()]
  const dueAt = now()
  await waits.apply(
    { ...nothing, timers: [damaged, absent].map((runId) => ({ tenantId, runId, step: 1, dueAt })) },
    1n,
  )
  const unreadable: EventStore = Object.assign(Object.create(events) as EventStore, {
    async *readStream(stream: string) {
      if (stream === runStream(tenantId, damaged))
        yield { eventId: damaged, stream, type: 'TaskStarted', data: {}, fault: 'It is damaged.' }
    },
  })
  const stop = new AbortController()
  const deps = { events: unreadable, waits, metrics: noMetrics, logger: silent, now }
  const running = new Timers(deps).run(stop.signal)
  await waitFor('nothing to be due', async () => (await waits.due(now(), 9)).length === 0)
  stop.abort()
  await running
  t.match(
    await waits.due(new Date(dueAt.getTime() + 60_000), 9),
    [{ runId: damaged }],
    'it is looked at again later',
  )
})
