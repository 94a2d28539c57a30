import type { RunEvent, WorkflowError } from '../run-events.ts'
import { turnOf } from './advance.ts'
import { evolve } from './evolve.ts'
import { faultEvents, uncaught } from './faulting.ts'
import type { Surroundings } from './program.ts'
import type { OpenStep, Run } from './state.ts'

// What a run does when the log does not take what follows from a decision: it must not stay where it
// is, because the same decision would follow for ever.

/** What the run would do next faults, without the values that it would record. */
export function faultedTurn(
  run: Run,
  surroundings: Surroundings,
  error: WorkflowError,
): readonly RunEvent[] {
  const { place, events } = turnOf(run, surroundings)
  const begun = events.find(({ type }) => BEGINNINGS.includes(type)) as Beginning | undefined
  if (begun === undefined) return place === undefined ? [] : faultEvents(place, error)
  const started = bare(begun, surroundings.now)
  const after = evolve(run, started) as Run
  const step = after.open.get(started.data.step) as OpenStep
  return [started, ...faultEvents({ ...surroundings, run: after, step }, error)]
}

/** The run ends as one that faults, whatever it was at. What is under way is waited for, unless it ends already. */
export function faultedRun(run: Run, error: WorkflowError, now: string): readonly RunEvent[] {
  const root = run.open.get(0)
  if (root === undefined)
    return [{ type: 'RunFaulted', data: { runId: run.runId, error, faultedAt: now } }]
  return uncaught({ run, step: root, now }, error)
}

type Started = Extract<RunEvent, { readonly type: 'TaskStarted' }>
type Beginning = Extract<
  RunEvent,
  { readonly type: 'TaskStarted' | 'TaskSkipped' | 'ApprovalRequested' }
>
const BEGINNINGS: readonly RunEvent['type'][] = ['TaskStarted', 'TaskSkipped', 'ApprovalRequested']

function bare({ data }: Beginning, now: string): Started {
  const { runId, step, reference, parent, round } = data
  const compensates = 'compensates' in data ? data.compensates : undefined
  const task = {
    ...{ runId, step, reference, parent, attempt: 'attempt' in data ? data.attempt : 1 },
    ...(round === undefined ? {} : { round }),
    ...(compensates === undefined ? {} : { compensates }),
  }
  return { type: 'TaskStarted', data: { ...task, input: null, startedAt: now } }
}
