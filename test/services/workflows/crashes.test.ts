import t, { type Test } from 'tap'
import { nextActions, timersOf } from '../../../domain/workflows/run/owed.ts'
import { runStream } from '../../../domain/workflows/run/run.ts'
import { isOver } from '../../../domain/workflows/run/state.ts'
import {
  type EventStore,
  InvalidEventError,
  type NewEvent,
} from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { RunDrive } from '../../../services/workflows/drive.ts'
import { createPerform } from '../../../services/workflows/perform.ts'
import { createPrograms } from '../../../services/workflows/programs.ts'
import { record } from '../../../services/workflows/record.ts'
import { type RunRef, RunSession } from '../../../services/workflows/run-session.ts'
import { startRun } from '../../../services/workflows/start-run.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { sealing, testKeys } from '../../support/sealing.ts'
import { applied, effects, standing, WORKFLOW_OWNER } from '../../support/workflow-parts.ts'
import { workflow } from '../../support/workflow-run.ts'
import { all } from '../../support/workflow-world.ts'

// A process that drives a run is killed before or after each of its appends, and after each effect
// whose outcome is not recorded yet; then another one goes on. (With real processes: test/fault.)

const undo = (name: string) => ({ 'tidemark.compensate': { call: name, with: {} } })
const document = workflow([
  { prepare: { set: { n: 1 } } },
  {
    both: {
      fork: {
        branches: [
          { left: { call: 'one', metadata: undo('three') } },
          { right: { do: [{ pause: { wait: 'PT1S' } }, { then: { call: 'two' } }] } },
        ],
      },
    },
  },
  {
    safe: {
      try: [{ shaky: { call: 'shaky' } }],
      catch: { retry: { delay: 'PT1S', limit: { attempt: { count: 2 } } } },
    },
  },
  { more: { call: 'two', metadata: undo('three') } },
  { broken: { raise: { error: { type: 'https://example.org/late', status: 500 } } } },
])

/** What the crash leaves: nothing gets through to the log any more. */
class Killed extends Error {}

type Append = EventStore['append']
type Hooks = {
  /** Instead of the append of the log. */
  readonly append: (...given: Parameters<Append>) => ReturnType<Append>
  /** An effect has happened and nobody knows it yet. */
  readonly effect?: () => void
  /** What the command `one` answers, or throws. */
  readonly one?: () => Readonly<Record<string, unknown>>
  /** A process was killed, and another one goes on. */
  readonly restart?: () => void
}

/** Drives a new run until it is over, with the clock set to what it waits for. */
async function driven(t: Test, events: EventStore, { append, effect, one, restart }: Hooks) {
  const world = effects()
  if (one !== undefined) world.answer('one', one)
  let clock = Date.parse('2026-01-01T00:00:00.000Z')
  const now = () => new Date(clock)
  const mortal: EventStore = Object.assign(Object.create(events) as EventStore, {
    readStream: (...given: Parameters<EventStore['readStream']>) => events.readStream(...given),
    append,
  })
  const programs = createPrograms(events)
  const around = { programs, now, metrics: noMetrics, logger: silent, random: () => 0.5 }
  const shared = { ...around, events: mortal }
  const commands = world.commands(effect)
  const perform = createPerform({ ...shared, standing, calls: new Map(), commands })
  const ref: RunRef = { tenantId: 'acme', runId: await begun(events, programs, now) }
  const never = new AbortController().signal
  for (let turn = 0; turn < 50; turn++) {
    try {
      await new RunDrive({ ...shared, perform }, never).go(ref, never)
      const session = await RunSession.open(mortal, ref)
      if (isOver(session.state)) return { world, session }
      t.same(nextActions(session.state), [], 'it waits')
      const due = timersOf(session.run).map(({ dueAt }) => Date.parse(dueAt))
      clock = Math.min(...due)
      const at = now().toISOString()
      await record(session, { type: 'FireTimers', runId: ref.runId, now: at }, silent)
    } catch (error) {
      if (!(error instanceof Killed)) throw error
      restart?.()
    }
  }
  throw new Error('The run does not end.')
}

async function opened(t: Test): Promise<EventStore> {
  const { store: log, pool } = await freshPostgresStore(t)
  const events = sealing(log, await testKeys(t, pool))
  await applied(events, document)
  return events
}

t.test('a run ends the same wherever the process that drives it is killed', async (t) => {
  const events = await opened(t)
  type Crash = { readonly at: number; readonly moment: 'before' | 'after' | 'effect' }

  async function killed(crash?: Crash) {
    let count = 0
    let isDead = false
    const mayPass = (moment: Crash['moment']) => {
      if (crash?.moment === moment && crash.at === count) isDead = true
      if (isDead) throw new Killed()
    }
    const ended = await driven(t, events, {
      async append(...given) {
        count += 1
        mayPass('before')
        const appended = await events.append(...given)
        mayPass('after')
        return appended
      },
      effect: () => mayPass('effect'),
      restart() {
        isDead = false
        crash = undefined
      },
    })
    return { ...ended, count }
  }

  const whole = await killed()
  const summary = ({ world, session }: Awaited<ReturnType<typeof killed>>) => ({
    status: session.run.status,
    result: session.run.result,
    done: world.done(),
  })
  t.match(summary(whole), { status: 'faulted', result: { error: { status: 500 } } })
  t.same(whole.world.done(), ['one', 'shaky', 'shaky', 'three', 'three', 'two', 'two'])
  for (const moment of ['before', 'after', 'effect'] as const)
    for (let at = 0; at <= whole.count; at++)
      t.same(summary(await killed({ at, moment })), summary(whole), `${moment} append ${at}`)
})

t.test('a run ends whatever of it the log never takes, and says why', async (t) => {
  const events = await opened(t)
  type Refuses = (event: NewEvent) => boolean

  async function refused(refuses: Refuses) {
    let count = 0
    const { session } = await driven(t, events, {
      async append(...given) {
        const [, news] = given
        if (!news.some(refuses)) return await events.append(...given)
        count += 1
        throw new InvalidEventError('It does not fit.')
      },
    })
    const told = await all(events.readStream(runStream('acme', session.ref.runId)))
    return { run: session.run, told, count }
  }

  const { told: whole } = await refused(() => false)
  const detail = /cannot be recorded: It does not fit/
  // Of each type the first one and the last.
  const types = [...new Set(whole.slice(1).map(({ type }) => type))]
  const parts = types.flatMap((type) => {
    const steps = whole.filter((event) => event.type === type).map(({ data }) => data.step)
    return [...new Set([steps[0], steps.at(-1)])].map((step) => ({ type, step }))
  })
  for (const { type, step } of parts) {
    const name = `${type} ${step}`
    const { run, told, count } = await refused(
      (event) => event.type === type && event.data.step === step && !isFault(event),
    )
    t.ok(count < 10, `${name}: ${count} tries`)
    t.notOk(
      told.some((event) => event.type === type && event.data.step === step && !isFault(event)),
    )
    t.ok(
      told.some(({ data }) => detail.test(JSON.stringify(data.error ?? ''))),
      `${name}: it is said`,
    )
    t.equal(run.status, 'faulted', name)
  }

  const erased = await refused(({ data }) => 'input' in data || 'error' in data)
  t.same(
    [erased.run.status, erased.told.at(-1)?.type],
    ['cancelled', 'RunCancelled'],
    'where not even a fault is taken, it ends without one',
  )
})

t.test('a command whose event does not fit faults its step, once', async (t) => {
  const events = await opened(t)
  let tries = 0
  const { session } = await driven(t, events, {
    append: (...given) => events.append(...given),
    one() {
      tries += 1
      throw new InvalidEventError('The data of the append has 2 bytes too many.')
    },
  })
  t.equal(tries, 1)
  t.match(session.run.result, {
    error: { type: /runtime$/, instance: /left$/, detail: /cannot be recorded: .* 2 bytes/ },
  })
})

/** The fault that is recorded in place of what is refused, and the beginning that it needs. */
function isFault({ data }: Pick<NewEvent, 'data'>): boolean {
  return /cannot be recorded/.test(JSON.stringify(data.error ?? '')) || data.input === null
}

async function begun(
  events: EventStore,
  programs: ReturnType<typeof createPrograms>,
  now: () => Date,
): Promise<string> {
  const wanted = { namespace: 'test', name: 'example', owner: WORKFLOW_OWNER, input: {} }
  const id = '00000000-0000-4000-8000-000000000000'
  const context = { tenantId: 'acme', actorId: 'test', correlationId: id, causationId: id }
  const deps = { events, programs, now }
  return (await startRun(deps, { ...wanted, trigger: 'request' }, context)).runId
}
