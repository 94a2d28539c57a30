import type { Json } from '../../kernel/json.ts'
import type { Task, TryTask } from '../document-tasks.ts'
import type { RunEvent, WorkflowError } from '../run-events.ts'
import { cancelled } from './cancel.ts'
import { evaluate, type Place } from './evaluate.ts'
import { errorOf, fault } from './fault.ts'
import { taskAt } from './program.ts'
import { isWanted, type NextAttempt, nextAttempt } from './retry.ts'
import {
  around,
  compensationAround,
  isUnderWay,
  isWithin,
  type OpenStep,
  stepsWithin,
} from './state.ts'

/** What a step does, or that it faults where that cannot be done. */
export function guarded(place: Place, events: () => readonly RunEvent[]): readonly RunEvent[] {
  try {
    return events()
  } catch (error) {
    return faultEvents(place, errorOf(error))
  }
}

/**
 * The step faults: the nearest `try` around it that catches the error retries or goes on with its
 * `catch`; when there is none, the run faults.
 */
export function faultEvents(place: Place, raised: WorkflowError): readonly RunEvent[] {
  const { run, step } = place
  const error = { instance: step.reference || '/', ...raised }
  try {
    for (const tried of around(run, step)) {
      const events = caughtBy(place, tried, error)
      if (events !== undefined) return events
    }
  } catch (other) {
    return uncaught(place, errorOf(other))
  }
  return uncaught(place, error)
}

function caughtBy(
  place: Place,
  tried: OpenStep,
  error: WorkflowError,
): readonly RunEvent[] | undefined {
  const { program, run, step, now } = place
  if (tried.step === 0 || tried.caught !== undefined) return undefined
  const task = taskAt(program, tried.reference)
  if (!('try' in task)) return undefined
  const at = { ...place, step: tried }
  const named = { [task.catch.as ?? 'error']: { ...error } }
  if (!catches(at, task.catch, error, named)) return undefined
  const retry = nextAttempt(at, task.catch.retry, named)
  if (retry === undefined && task.catch.retry !== undefined && task.catch.do === undefined)
    return undefined
  const inside = stepsWithin(run, tried.step).filter((each) => each.step !== step.step)
  const { runId } = run
  return [
    ...cancelled(place, inside),
    {
      type: 'TaskFaulted',
      data: { runId, step: step.step, error, caughtBy: tried.step, faultedAt: now },
    },
    ...(retry === undefined ? [] : [scheduled(runId, tried.step, retry, now)]),
  ]
}

function scheduled(runId: string, step: number, retry: NextAttempt, now: string): RunEvent {
  return { type: 'TaskRetryScheduled', data: { runId, step, ...retry, scheduledAt: now } }
}

function catches(
  place: Place,
  clause: TryTask['catch'],
  error: WorkflowError,
  named: { readonly [name: string]: Json },
): boolean {
  // The published schema says `details`, its prose says `detail`.
  const filter: Readonly<Record<string, unknown>> = clause.errors?.with ?? {}
  const facts: Readonly<Record<string, unknown>> = { ...error, details: error.detail }
  const fits = Object.entries(filter).every(([member, value]) => facts[member] === value)
  return fits && isWanted(place, clause, named)
}

/** What is under way is waited for. */
export function uncaught(
  place: Pick<Place, 'run' | 'step' | 'now'>,
  error: WorkflowError,
): readonly RunEvent[] {
  const { run, step, now } = place
  const compensation = compensationAround(run, step)
  const concerned = [...run.open.values()].filter(
    (each) =>
      each.step !== step.step &&
      (compensation === undefined ? !isUnderWay(each) : isWithin(run, each, compensation.step)),
  )
  return [
    ...cancelled(place, concerned),
    {
      type: 'TaskFaulted',
      data: { runId: run.runId, step: step.step, error, faultedAt: now },
    },
  ]
}

/** @throws {TaskFault} when there is no error of this name. */
export function namedError(
  place: Place,
  error: Extract<Task, { readonly raise: unknown }>['raise']['error'],
  input: Json,
): WorkflowError {
  const { errors = {} } = place.program.document.use ?? {}
  const meant = typeof error === 'string' ? errors[error] : error
  if (meant === undefined) throw fault('configuration', `There is no error "${String(error)}".`)
  return evaluate(place, meant, input) as unknown as WorkflowError
}
