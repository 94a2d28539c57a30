import t from 'tap'
import type { Json } from '../../../domain/kernel/json.ts'
import { runStream } from '../../../domain/workflows/run/run.ts'
import { isRun } from '../../../domain/workflows/run/state.ts'
import { createRunWaits } from '../../../infra/workflows/run-waits.ts'
import { emit, registerType } from '../../../services/custom/commands.ts'
import { type EventStore, InvalidEventError } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import type { RunWaits } from '../../../services/ports/run-waits.ts'
import { RunDrive } from '../../../services/workflows/drive.ts'
import { createPrograms } from '../../../services/workflows/programs.ts'
import { RunSession } from '../../../services/workflows/run-session.ts'
import { startRun } from '../../../services/workflows/start-run.ts'
import { watchLog } from '../../../services/workflows/watch.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { sealing, testKeys } from '../../support/sealing.ts'
import { waitFor } from '../../support/wait-for.ts'
import { applied, standing, WORKFLOW_OWNER } from '../../support/workflow-parts.ts'
import { workflow } from '../../support/workflow-run.ts'

// Who follows the log for runs is killed after anything that it writes, and another one goes on.

const { store: log, pool } = await freshPostgresStore(t)
const events = sealing(log, await testKeys(t, pool))
const programs = createPrograms(events)
const waits = createRunWaits(pool)
const now = () => new Date()
const custom = { store: events, now }

const correlate = { order: { from: '.data.order' } }
const of = (type: string) => ({ with: { type: `custom.${type}` }, correlate })
const tasks = [{ keep: { set: { x: 1 } } }]
const named = (name: string, on: object) => {
  const made = workflow(tasks, { schedule: { on } })
  return { ...made, document: { ...made.document, name } }
}
const SCHEDULES = [
  named('together', { all: [of('Paid'), of('Packed')] }),
  named('gathered', { any: [of('Paid')], until: 'length == 2' }),
  named('alone', { one: { with: { type: 'custom.Packed' } } }),
]
const listening = workflow([{ hear: { listen: { to: { all: [of('Packed'), of('Paid')] } } } }])

const contextOf = (tenantId: string) => {
  const id = '00000000-0000-4000-8000-000000000000'
  return { tenantId, actorId: 'test', correlationId: id, causationId: id }
}

/** What the crash leaves: nothing is written any more. */
class Killed extends Error {}

let tenants = 0

/** A tenant's events, told by a process that dies, and by the next one. */
async function told(crashAfter?: number) {
  const tenantId = `tenant-${tenants++}`
  const context = contextOf(tenantId)
  for (const document of [...SCHEDULES, listening]) await applied(events, document, tenantId)
  for (const name of ['Paid', 'Packed'])
    await registerType(custom, { name, schema: { type: 'object' } }, context)
  const runId = await hears(tenantId)
  for (const [name, order] of [
    ...(['Paid', 'Paid', 'Packed', 'Paid'] as const).map((each, n) => [each, n < 2 ? n : 1]),
    ['Packed', 0],
  ] as [string, number][])
    await emit(custom, { name, data: { order } }, context)
  const head = await events.head()

  const writes = { count: 0, isDead: false, crashAfter }
  while (!(await follow(writes, head))) writes.isDead = false
  const { state } = await RunSession.open(events, { tenantId, runId })
  if (!isRun(state)) throw new Error('There is no run.')
  const received = [...state.open.values()].flatMap((step) => step.received)
  return { count: writes.count, heard: received.length, started: await startedIn(tenantId) }
}

type Writes = {
  count: number
  isDead: boolean
  readonly crashAfter: number | undefined
  /** A stream that the log takes no `EventReceived` into. */
  readonly deaf?: string
}

/** @returns false when it was killed. */
async function follow(writes: Writes, head: bigint): Promise<boolean> {
  const stop = new AbortController()
  const guarded = async <Result>(write: () => Promise<Result>) => {
    if (writes.isDead) throw new Killed()
    const result = await write()
    writes.count += 1
    writes.isDead = writes.count === writes.crashAfter
    if (writes.isDead) throw new Killed()
    return result
  }
  const mortal: EventStore = Object.assign(Object.create(events) as EventStore, {
    readStream: (...given: Parameters<EventStore['readStream']>) => events.readStream(...given),
    async append(...given: Parameters<EventStore['append']>) {
      const [stream, [first]] = given
      if (stream === writes.deaf && first?.type === 'EventReceived')
        throw new InvalidEventError('It does not fit.')
      return await guarded(() => events.append(...given))
    },
  })
  const mortalWaits: RunWaits = {
    ...waits,
    apply: (...given) => guarded(() => waits.apply(...given)),
  }
  const deps = { events: mortal, log, programs, standing, logger: silent, now, waits: mortalWaits }
  const ended = watchLog(deps, () => {}, stop.signal).then(
    () => true,
    (error) => {
      if (error instanceof Killed) return false
      throw error
    },
  )
  const reached = waitFor(
    'the end of the log',
    async () => writes.isDead || (await waits.position()) >= head,
    60_000,
  )
  await Promise.race([reached, ended])
  stop.abort()
  return await ended
}

/** A run that listens. */
async function hears(tenantId: string): Promise<string> {
  const wanted = { namespace: 'test', name: 'example', owner: WORKFLOW_OWNER, input: {} }
  const deps = { events, programs, now }
  const trigger = 'request' as const
  const { runId } = await startRun(deps, { ...wanted, trigger }, contextOf(tenantId))
  const perform = async () => 'later' as const
  const drive = { ...deps, perform, metrics: noMetrics, logger: silent, random: () => 0.5 }
  const never = new AbortController().signal
  await new RunDrive(drive, never).go({ tenantId, runId }, never)
  return runId
}

/** What each run of the tenant began with that an event started. */
async function startedIn(tenantId: string): Promise<readonly string[]> {
  const started: string[] = []
  for await (const { data } of events.readAll({ types: ['WorkflowRunStarted'], tenantId })) {
    const { name, trigger, input } = data as { name: string; trigger: string; input: Json }
    if (trigger === 'event') started.push(`${name} ${JSON.stringify(input)}`)
  }
  return started.sort()
}

const orders = (...all: readonly number[]) => JSON.stringify(all.map((order) => ({ order })))
const STARTED = [
  ...[`alone ${orders(0)}`, `alone ${orders(1)}`, `gathered ${orders(1, 1)}`],
  ...[`together ${orders(0, 0)}`, `together ${orders(1, 1)}`],
]

t.test(
  'what came is found in the log again when it is lost; a workflow that changes begins anew',
  async (t) => {
    const tenantId = 'lost'
    const context = contextOf(tenantId)
    const together = named('together', { all: [of('Paid'), of('Packed')] })
    await applied(events, together, tenantId)
    for (const name of ['Paid', 'Packed'])
      await registerType(custom, { name, schema: { type: 'object' } }, context)
    const follows = async () =>
      follow({ count: 0, isDead: false, crashAfter: undefined }, await events.head())
    await emit(custom, { name: 'Paid', data: { order: 1 } }, context)
    await follows()
    for (const table of ['scheduled_sets', 'watch', 'listeners', 'timers'])
      await pool.query(`delete from ops.workflow_${table}`)
    await emit(custom, { name: 'Packed', data: { order: 1 } }, context)
    await follows()
    t.same(await startedIn(tenantId), [`together ${orders(1, 1)}`])

    await emit(custom, { name: 'Paid', data: { order: 2 } }, context)
    const changed = { ...together, document: { ...together.document, version: '1.1.0' } }
    await applied(events, changed, tenantId)
    await emit(custom, { name: 'Packed', data: { order: 2 } }, context)
    await follows()
    t.equal((await startedIn(tenantId)).length, 1, 'what came before the change does not count')
    await emit(custom, { name: 'Paid', data: { order: 2 } }, context)
    await follows()
    t.equal((await startedIn(tenantId)).length, 2)
  },
)

t.test('each event is told once, and each set of them starts one run, whatever dies', async (t) => {
  const whole = await told()
  t.same(whole.started, STARTED)
  t.equal(whole.heard, 2, 'what the run that listens heard')
  for (let at = 1; at <= whole.count; at++) {
    const { heard, started } = await told(at)
    t.same({ heard, started }, { heard: 2, started: STARTED }, `after write ${at}`)
  }
})

t.test('a run that cannot record an event faults, and keeps no other waiting', async (t) => {
  const tenantId = 'deaf'
  const until = { any: [of('Never'), { with: { type: 'custom.Packed' } }] }
  await applied(
    events,
    workflow([{ hear: { listen: { to: { any: [of('Paid')], until } } } }]),
    tenantId,
  )
  for (const name of ['Paid', 'Packed'])
    await registerType(custom, { name, schema: { type: 'object' } }, contextOf(tenantId))
  const [first, second] = [await hears(tenantId), await hears(tenantId)]
  const deaf = runStream(tenantId, first)
  for (const name of ['Paid', 'Packed'])
    await emit(custom, { name, data: { order: 1 } }, contextOf(tenantId))
  await follow({ count: 0, isDead: false, crashAfter: undefined, deaf }, await events.head())
  const { run: faulted } = await RunSession.open(events, { tenantId, runId: first })
  t.match(faulted, { status: 'ending', ending: { error: { detail: /cannot be recorded/ } } })
  const { run: heard } = await RunSession.open(events, { tenantId, runId: second })
  const received = [...heard.open.values()].flatMap((step) => step.received)
  t.same(
    received.map(({ filter }) => filter),
    [0, -2],
    'the second event of `until` as well',
  )
})
