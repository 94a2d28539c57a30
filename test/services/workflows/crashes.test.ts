import t from 'tap'
import { nextActions, timersOf } from '../../../domain/workflows/run/owed.ts'
import { isOver } from '../../../domain/workflows/run/state.ts'
import type { EventStore } from '../../../services/ports/event-store.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { RunDrive } from '../../../services/workflows/drive.ts'
import { createPerform } from '../../../services/workflows/perform.ts'
import { createPrograms } from '../../../services/workflows/programs.ts'
import { type RunRef, RunSession } from '../../../services/workflows/run-session.ts'
import { startRun } from '../../../services/workflows/start-run.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { sealing, testKeys } from '../../support/sealing.ts'
import { applied, effects, standing, WORKFLOW_OWNER } from '../../support/workflow-parts.ts'
import { workflow } from '../../support/workflow-run.ts'

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

type Crash = { readonly at: number; readonly moment: 'before' | 'after' | 'effect' }

t.test('a run ends the same wherever the process that drives it is killed', async (t) => {
  const { store: log, pool } = await freshPostgresStore(t)
  const events = sealing(log, await testKeys(t, pool))
  await applied(events, document)

  async function drive(crash?: Crash) {
    const world = effects()
    let count = 0
    let isDead = false
    let clock = Date.parse('2026-01-01T00:00:00.000Z')
    const now = () => new Date(clock)
    const mayPass = (moment: Crash['moment']) => {
      if (isDead) throw new Killed()
      if (crash?.moment === moment && crash.at === count) isDead = true
      if (isDead) throw new Killed()
    }
    const mortal: EventStore = Object.assign(Object.create(events) as EventStore, {
      readStream: (...given: Parameters<EventStore['readStream']>) => events.readStream(...given),
      async append(...given: Parameters<EventStore['append']>) {
        count += 1
        mayPass('before')
        const appended = await events.append(...given)
        mayPass('after')
        return appended
      },
    })
    const programs = createPrograms(events)
    const shared = { events: mortal, programs, now, metrics: noMetrics, random: () => 0.5 }
    const perform = createPerform({
      ...{ ...shared, standing, calls: new Map() },
      commands: world.commands(() => mayPass('effect')),
    })
    const ref: RunRef = { tenantId: 'acme', runId: await begun(events, programs, now) }
    for (let turn = 0; turn < 50; turn++) {
      try {
        await new RunDrive({ ...shared, perform }, new AbortController().signal).go(
          ref,
          new AbortController().signal,
        )
      } catch (error) {
        if (!(error instanceof Killed)) throw error
        isDead = false
        crash = undefined
        continue
      }
      const session = await RunSession.open(events, ref)
      if (isOver(session.state)) return { world, session, count }
      t.same(nextActions(session.state), [], 'it waits')
      const due = timersOf(session.run).map(({ dueAt }) => Date.parse(dueAt))
      clock = Math.min(...due)
      const at = now().toISOString()
      await session.give(() => ({ type: 'FireTimers', runId: ref.runId, now: at }))
    }
    throw new Error('The run does not end.')
  }

  const whole = await drive()
  const summary = ({ world, session }: Awaited<ReturnType<typeof drive>>) => ({
    status: session.run.status,
    result: session.run.result,
    done: world.done(),
  })
  t.match(summary(whole), { status: 'faulted', result: { error: { status: 500 } } })
  t.same(whole.world.done(), ['one', 'shaky', 'shaky', 'three', 'three', 'two', 'two'])
  for (const moment of ['before', 'after', 'effect'] as const)
    for (let at = 0; at <= whole.count; at++)
      t.same(summary(await drive({ at, moment })), summary(whole), `${moment} append ${at}`)
})

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
