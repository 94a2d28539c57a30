import fc from 'fast-check'
import t from 'tap'
import { type InstallerEvent, STAGES } from '../../../domain/installer/events.ts'
import {
  diskPlan,
  installation,
  MAX_STAGE_STARTS,
  nextAction,
} from '../../../domain/installer/installation.ts'
import type { InstallationCommand } from '../../../domain/installer/installation-commands.ts'
import { type InstallationState, isActive } from '../../../domain/installer/installation-state.ts'
import { accept } from '../../../domain/kernel/decider.ts'
import { given } from '../../support/given.ts'
import {
  attempt,
  install,
  installationId,
  installed,
  now,
  npmRuntime,
  plain,
  requested,
  stagesDone,
  update,
  updated,
  updateRequested,
} from '../../support/installation-events.ts'

const history = given(installation)
const fold = (...events: readonly InstallerEvent[]) =>
  events.reduce<InstallationState>(installation.evolve, installation.initial)
const v1 = [requested('1.0.0'), ...stagesDone(1), installed('1.0.0')]
const v2 = [...v1, updateRequested('1.0.0', '1.1.0', 2), updated('1.0.0', '1.1.0', 2)]
const clean = (n: number): InstallationCommand => ({
  type: 'CompleteStage',
  ...{ installationId, attemptId: attempt(n), stage: 'clean', durationMs: 1, facts: {}, now },
})
const failAt = (stage: (typeof STAGES)[number], n = 1): InstallationCommand => ({
  type: 'FailAttempt',
  ...{ installationId, attemptId: attempt(n), stage, code: 'disk-full', cause: 'Full.', now },
})
const rollBack = (version?: string): InstallationCommand => ({
  type: 'RollBack',
  ...{ installationId, version, now },
})

t.test('installing is requested once', async (t) => {
  t.same(history().when(install('1.0.0')), accept(requested('1.0.0')))
  t.match(history(requested('1.0.0')).when(install('1.0.0')), {
    rejection: { kind: 'conflict', code: 'installation-exists' },
  })
})

t.test('the stages are owed one after the other', async (t) => {
  const events = [requested('1.0.0'), ...stagesDone(1)]
  const owed = events.map(
    (_, index) => nextAction(fold(...events.slice(0, index + 1)))?.attempt.stage,
  )
  t.same(owed, [...STAGES])
  t.equal(nextAction(fold(...v1)), undefined)
})

t.test('the last stage brings the version into force', async (t) => {
  const decision = history(requested('1.0.0'), ...stagesDone(1)).when(clean(1))
  t.match(decision, {
    events: [{ type: 'InstallationStageCompleted' }, installed('1.0.0')],
  })
})

t.test('a command of an overtaken delivery does nothing', async (t) => {
  t.same(history(...v1).when(clean(1)), accept())
  t.same(history(requested('1.0.0')).when(clean(1)), accept(), 'another stage is owed')
  t.same(history(...v1).when(failAt('verify')), accept())
})

t.test('a failed install shows where and that it was cleaned up', async (t) => {
  t.match(history(requested('1.0.0')).when(failAt('validate')), {
    events: [
      { type: 'InstallationStageStarted', data: { stage: 'clean' } },
      { type: 'InstallationStageCompleted', data: { stage: 'clean' } },
      { type: 'InstallationFailed', data: { stage: 'validate', code: 'disk-full' } },
    ],
  })
})

t.test('a stage that was started too often is given up', async (t) => {
  const started: InstallerEvent = {
    type: 'InstallationStageStarted',
    data: { installationId, attemptId: attempt(1), stage: 'validate', startedAt: now },
  }
  const starts = (count: number) => new Array<InstallerEvent>(count).fill(started)
  const exhausted = (count: number) =>
    nextAction(fold(requested('1.0.0'), ...starts(count)))?.exhausted
  t.equal(exhausted(MAX_STAGE_STARTS - 1), false)
  t.equal(exhausted(MAX_STAGE_STARTS), true)
})

t.test('an update makes a rollback point first', async (t) => {
  t.match(history(...v1).when(update('1.1.0', 2)), {
    events: [
      { type: 'RollbackPointCreated', data: { version: '1.0.0', configuration: plain } },
      { type: 'ServerUpdateRequested', data: { from: '1.0.0', to: '1.1.0', breaking: false } },
    ],
  })
})

t.test('a breaking update has to be allowed', async (t) => {
  for (const version of ['2.0.0', 'not-semver'])
    t.match(history(...v1).when(update(version, 2)), { rejection: { code: 'breaking-update' } })
  t.match(history(...v1).when(update('2.0.0', 2, true)), { outcome: 'accepted' })
})

t.test('updating to the active version does nothing', async (t) => {
  t.same(history(...v1).when(update('1.0.0', 2)), accept())
})

t.test('one attempt at a time', async (t) => {
  const updating = [...v1, updateRequested('1.0.0', '1.1.0', 2)]
  t.match(history(...updating).when(update('1.2.0', 3)), {
    rejection: { kind: 'conflict', code: 'attempt-in-progress' },
  })
  t.same(history(...updating).when(update('1.1.0', 3)), accept(), 'the same update is under way')
  t.match(history(...updating).when(rollBack()), { rejection: { code: 'attempt-in-progress' } })
})

t.test('a failed update leaves what was active, and its directory is dead', async (t) => {
  const updating = [...v1, updateRequested('1.0.0', '1.1.0', 2)]
  const decision = history(...updating).when(failAt('validate', 2))
  if (decision.outcome !== 'accepted') throw new Error('It was rejected.')
  const state = fold(...updating, ...decision.events)
  t.match(state, { status: 'installed', active: { version: '1.0.0' } })
  t.same(diskPlan(state), { active: attempt(1), dead: [attempt(2)], uninstalled: false })
})

t.test('a rollback returns to the version before, with its configuration', async (t) => {
  t.match(history(...v2).when(rollBack()), {
    events: [
      {
        type: 'InstallationRolledBack',
        data: { from: '1.1.0', to: '1.0.0', runtime: npmRuntime(1), configuration: plain },
      },
    ],
  })
  t.match(history(...v1).when(rollBack()), { rejection: { code: 'nothing-to-roll-back' } })
  t.match(history(...v2).when(rollBack('0.9.0')), { rejection: { code: 'version-not-kept' } })
  t.same(history(...v2).when(rollBack('1.1.0')), accept(), 'it is active')
  t.match(history().when(rollBack()), { rejection: { kind: 'not-found' } })
})

t.test('after a rollback the newer version is kept, and is no rollback', async (t) => {
  const decision = history(...v2).when(rollBack())
  if (decision.outcome !== 'accepted') throw new Error('It was rejected.')
  const rolledBack = [...v2, ...decision.events]
  t.match(fold(...rolledBack), { active: { version: '1.0.0' }, kept: [{ version: '1.1.0' }] })
  t.match(history(...rolledBack).when(rollBack()), { rejection: { code: 'nothing-to-roll-back' } })
  t.match(history(...rolledBack).when(rollBack('1.1.0')), { outcome: 'accepted' })
})

t.test('a rollback does not return to what was rolled back before', async (t) => {
  const decision = history(...v2).when(rollBack())
  if (decision.outcome !== 'accepted') throw new Error('It was rejected.')
  const third = [updateRequested('1.0.0', '1.2.0', 3), updated('1.0.0', '1.2.0', 3)]
  t.match(history(...v2, ...decision.events, ...third).when(rollBack()), {
    events: [{ type: 'InstallationRolledBack', data: { from: '1.2.0', to: '1.0.0' } }],
  })
})

t.test('a found update is announced once', async (t) => {
  const note = { type: 'NoteUpdate', installationId, available: '2.0.0', now } as const
  const found = history(...v1).when(note)
  t.match(found, {
    events: [{ type: 'UpdateFound', data: { available: '2.0.0', breaking: true } }],
  })
  if (found.outcome !== 'accepted') throw new Error('It was rejected.')
  t.same(history(...v1, ...found.events).when(note), accept())
  t.same(history(...v1).when({ ...note, available: '1.0.0' }), accept())
})

t.test('secrets are known by name', async (t) => {
  const store = { type: 'StoreSecret', installationId, name: 'TOKEN', now } as const
  const stored = history(...v1).when(store)
  t.match(stored, { events: [{ data: { configuration: { secretNames: ['TOKEN'] } } }] })
  t.same(history(...v1).when({ ...store, type: 'RemoveSecret' }), accept())
})

// Any order of commands, those of lost and repeated deliveries among them.

const version = fc.constantFrom('1.0.0', '1.1.0', '1.2.0', '1.3.0', '2.0.0')
type Step = (n: number, state: InstallationState) => readonly InstallationCommand[]
const anyStep: fc.Arbitrary<Step> = fc.oneof(
  version.map((v) => (n: number) => [install(v, n)]),
  { weight: 3, arbitrary: version.map((v) => (n: number) => [update(v, n, true)]) },
  { weight: 2, arbitrary: fc.option(version, { nil: undefined }).map((v) => () => [rollBack(v)]) },
  { weight: 3, arbitrary: fc.constant<Step>((_n, state) => STAGES.map(() => proceed(state))) },
  fc.constant<Step>((_n, state) => [proceed(state)]),
  fc.constantFrom(...STAGES).map((stage) => (n: number) => [failAt(stage, n - 1)]),
  fc.constantFrom(...STAGES).map((stage) => () => [failAt(stage, 1)]),
)

/** Completes the stage that is owed. */
function proceed(state: InstallationState): InstallationCommand {
  const { attemptId = attempt(1), stage = 'clean', sequence = 1 } = nextAction(state)?.attempt ?? {}
  return {
    type: 'CompleteStage',
    ...{ installationId, attemptId, stage, durationMs: 1, facts: {}, now },
    ...(stage === 'install' ? { runtime: npmRuntime(sequence) } : {}),
  }
}

/** @throws {Error} when a step breaks what always holds. */
function checkStep(before: InstallationState, after: InstallationState): void {
  const [was, is] = [nextAction(before), nextAction(after)].map((one) => one?.attempt.attemptId)
  if (was !== undefined && is !== undefined && was !== is)
    throw new Error('a second attempt began while one was running')
  if (isActive(before) && !isActive(after) && after.status !== 'uninstalled')
    throw new Error('the active version was lost')
  if (isActive(after)) checkVersions(after)
}

function checkVersions(state: Extract<InstallationState, { readonly active: object }>): void {
  const alive = [state.active, ...state.kept]
  const { dead } = diskPlan(state)
  if (alive.length > 3) throw new Error('too many versions are kept')
  if (new Set(alive.map((one) => one.version)).size < alive.length)
    throw new Error('a version is kept twice')
  if (alive.some((one) => dead.includes(one.attemptId)))
    throw new Error('a version that can be active is dead')
}

t.test('whatever is sent: one attempt, the active version is there, few are kept', async (t) => {
  const reached = new Set<string>()
  fc.assert(
    fc.property(fc.array(anyStep, { minLength: 20, maxLength: 60 }), (steps) => {
      let state = fold(requested('1.0.0', 0))
      steps.forEach((step, index) => {
        // A long step is one command after the other, each for the state that it finds.
        step(index + 1, state).forEach((_, place) => {
          const command = step(index + 1, state)[place]
          if (command === undefined) return
          const decision = installation.decide(state, command)
          if (decision.outcome === 'rejected') return
          const after = decision.events.reduce(installation.evolve, state)
          checkStep(state, after)
          state = after
          reached.add(
            isActive(state) ? `${state.status} with ${state.kept.length} kept` : state.status,
          )
        })
      })
    }),
    { numRuns: 500 },
  )
  t.ok(reached.has('installed with 2 kept'), 'the property saw the interesting states')
  t.ok(reached.has('updating with 2 kept'))
})
