import t from 'tap'
import {
  ContainedSteps,
  type StepChange,
} from '../../../../domain/workflows/run/contained-steps.ts'
import type { RunEvent } from '../../../../domain/workflows/run-events.ts'

const at = '2026-01-02T03:04:05.000Z'
const of = (step: number) => ({ runId: 'r', step })
const started = (step: number, parent: number): RunEvent => ({
  type: 'TaskStarted',
  data: {
    ...{ ...of(step), parent, reference: `/do/0/s${step}`, attempt: 1, input: null, startedAt: at },
  },
})
const completed = (step: number, next = 'continue'): RunEvent => ({
  type: 'TaskCompleted',
  data: { ...of(step), output: null, next, completedAt: at },
})
const cancelled = (step: number): RunEvent => ({
  type: 'TaskCancelled',
  data: { ...of(step), cancelledAt: at },
})
const faulted = (step: number, caughtBy?: number): RunEvent => ({
  type: 'TaskFaulted',
  data: {
    ...{ ...of(step), error: { type: 'https://errors.example/a', status: 500 }, faultedAt: at },
    ...(caughtBy === undefined ? {} : { caughtBy }),
  },
})
const runCompleted: RunEvent = {
  type: 'RunCompleted',
  data: { runId: 'r', output: null, completedAt: at },
}

/** What steps that events do not name become, after all of them. */
function after(...events: readonly RunEvent[]): Record<number, StepChange['state']> {
  const contained = new ContainedSteps()
  const changes = events.flatMap((event) => contained.apply(event))
  return Object.fromEntries(changes.map(({ step, state }) => [step, state]))
}

t.test('a branch that lost is cancelled when the fork completes', async (t) => {
  const fork = [started(1, 0), started(2, 1), started(3, 1), started(4, 2)]
  t.same(after(...fork, completed(3), cancelled(4), completed(1)), { 2: 'cancelled' })
})

t.test(
  'what is between a fault and its `try` faults, and the rest of the `try` is cancelled',
  async (t) => {
    const steps = [started(1, 0), started(2, 1), started(3, 2), started(4, 3), started(5, 2)]
    const events = [...steps, started(6, 5), cancelled(6), faulted(4, 1)]
    t.same(after(...events), { 2: 'faulted', 3: 'faulted', 5: 'cancelled' })
  },
)

t.test('an error that nothing catches is that of everything around it', async (t) => {
  const steps = [started(1, 0), started(2, 1), started(3, 1), started(4, 2)]
  const end: RunEvent = {
    type: 'RunFaulted',
    data: { runId: 'r', error: { type: 'https://errors.example/a', status: 500 }, faultedAt: at },
  }
  t.same(after(...steps, faulted(4), end), { 1: 'faulted', 2: 'faulted', 3: 'cancelled' })
})

t.test('`then: end` completes what is around it', async (t) => {
  const steps = [started(1, 0), started(2, 1), started(3, 1), started(4, 2)]
  const end = [completed(4, 'end'), runCompleted]
  t.same(after(...steps, ...end), { 1: 'completed', 2: 'completed', 3: 'cancelled' })
})

t.test('a retry opens what is around it, and what waits again', async (t) => {
  const steps = [started(1, 0), started(2, 1), started(3, 1)]
  const retried: RunEvent = {
    type: 'RunRetried',
    data: {
      ...{ ...of(2), reference: '/do/0/s2', listeners: [], retriedAt: at },
      timers: [{ step: 3, dueAt: at }],
    },
  }
  const events = [...steps, cancelled(3), faulted(2), retried, started(4, 1)]
  t.same(after(...events), { 1: 'running', 3: 'waiting' })
})
