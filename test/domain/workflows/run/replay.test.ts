import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { run } from '../../../../domain/workflows/run/run.ts'
import type { RunEvent } from '../../../../domain/workflows/run-events.ts'
import { RunScenario, workflow } from '../../../support/workflow-run.ts'

// Generated documents are run twice: as they are, and by one that forgets its state after every
// command and folds it from its events, as a program does that is killed between any two of them.

type Tasks = readonly Readonly<Record<string, object>>[]

const leaf = fc.oneof(
  fc.constant({ set: { n: 1 } }),
  fc.constant({ wait: 'PT1S' }),
  fc.constant({ call: 'x' }),
  fc.constant({ call: 'x', metadata: { 'tidemark.compensate': { call: 'undo' } } }),
  fc.constant({ call: 'x', timeout: { after: 'PT2S' } }),
  fc.constant({ emit: { event: { with: { type: 'custom.A', source: 'urn:a' } } } }),
  fc.constant({ listen: { to: { one: { with: { type: 'a' } } } } }),
  fc.constant({ raise: { error: { type: 'https://example.org/raised', status: 500 } } }),
  fc.constant({
    call: 'x',
    metadata: { 'tidemark.approve': { by: { scope: 's' }, within: 'PT5S' } },
  }),
)
const listOf = (task: fc.Arbitrary<object>): fc.Arbitrary<Tasks> =>
  fc
    .array(task, { minLength: 1, maxLength: 3 })
    .map((tasks) => tasks.map((each, index) => ({ [`t${index}`]: each })))

const { tasks } = fc.letrec<{ task: object; tasks: Tasks }>((tie) => ({
  tasks: listOf(tie('task') as fc.Arbitrary<object>),
  task: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    leaf,
    fc.record({ do: tie('tasks') }),
    fc
      .tuple(tie('tasks'), fc.boolean())
      .map(([branches, compete]) => ({ fork: { branches, compete } })),
    fc.record({
      try: tie('tasks'),
      catch: fc.constantFrom({}, { retry: { delay: 'PT1S', limit: { attempt: { count: 1 } } } }),
    }),
    tie('tasks').map((list) => ({ for: { in: '[1,2]' }, do: list })),
  ),
}))

/** What happens to a run from outside, one after the other. */
const happenings = fc.array(
  fc.constantFrom(
    'gives',
    'fails',
    'time',
    'event',
    'approve',
    'suspend',
    'resume',
    'cancel',
    'retry',
  ),
  { maxLength: 25 },
)

function happen(scenario: RunScenario, what: string): void {
  const [action] = scenario.owes()
  if (what === 'gives' && action !== undefined) scenario.gives(action, { done: true })
  if (what === 'fails' && action !== undefined) scenario.fails(action)
  if (what === 'time') scenario.clock(new Date(Date.parse(scenario.now) + 1_500).toISOString())
  if (what === 'event') scenario.hears('a', 1)
  if (what === 'approve') scenario.answer('approve', { scopes: ['s'] })
  if (what === 'suspend') scenario.tell('SuspendRun')
  if (what === 'resume') scenario.tell('ResumeRun')
  if (what === 'cancel') scenario.tell('CancelRun')
  if (what === 'retry') scenario.retry()
  scenario.goOn()
}

/** Folds its state anew after every command. */
class ForgetfulScenario extends RunScenario {
  override give(command: Parameters<RunScenario['give']>[0]): string | undefined {
    const code = super.give(command)
    this.state = this.events.reduce(run.evolve, run.initial)
    return code
  }
}

t.test('a run that is folded anew after every command does the same', async () => {
  fc.assert(
    fc.property(tasks, happenings, (list, outside) => {
      const whole = new RunScenario(workflow(list))
      const forgetful = new ForgetfulScenario(workflow(list))
      for (const what of outside) {
        happen(whole, what)
        happen(forgetful, what)
      }
      assert.deepEqual(forgetful.events, whole.events)
      assert.deepEqual(forgetful.state, whole.state)
    }),
    { numRuns: Number(process.env.RUN_REPLAYS ?? 150) },
  )
})

const ENDS: readonly RunEvent['type'][] = ['TaskCompleted', 'TaskFaulted', 'TaskCancelled']

t.test('every step ends once, and a run that is over has none that is open', async () => {
  fc.assert(
    fc.property(tasks, (list) => {
      const scenario = new RunScenario(workflow(list))
      for (let turn = 0; turn < 200 && scenario.status !== 'completed'; turn++) {
        happen(scenario, ['gives', 'time', 'event', 'approve'][turn % 4] ?? 'time')
        if (scenario.status === 'faulted') break
      }
      assert.ok(['completed', 'faulted'].includes(scenario.status), `it is ${scenario.status}`)
      assert.equal(scenario.run.open.size, 0)
      const ended = scenario.events.flatMap((event) =>
        ENDS.includes(event.type) && 'step' in event.data ? [event.data.step] : [],
      )
      assert.equal(new Set(ended).size, ended.length, 'no step ends twice')
    }),
    { numRuns: Number(process.env.RUN_REPLAYS ?? 150) },
  )
})
