import type { Json } from '../../kernel/json.ts'
import type { RunEvent } from '../run-events.ts'
import { change, childBegins, childEnds, inProgress, omit } from './open-steps.ts'
import { compensationReference } from './reference.ts'
import {
  compensationAround,
  isRun,
  isUnderWay,
  type OpenStep,
  type Run,
  type RunState,
  stepsWithin,
} from './state.ts'

/** Older ones have been cancelled long ago. */
const MAX_ABANDONED = 32

type EventData<Type extends RunEvent['type']> = Extract<RunEvent, { readonly type: Type }>['data']

export function evolve(state: RunState, event: RunEvent): RunState {
  if (!isRun(state)) return event.type === 'WorkflowRunStarted' ? started(event.data) : state
  switch (event.type) {
    case 'WorkflowRunStarted':
      return state
    case 'TaskStarted':
      return taskStarted(state, event.data)
    case 'ApprovalRequested':
      return approvalRequested(state, event.data)
    case 'TaskSkipped':
      return taskSkipped(state, event.data)
    case 'TaskCompleted':
      return taskCompleted(state, event.data)
    case 'TaskFaulted':
      return taskFaulted(state, event.data)
    case 'TaskCancelled':
      return taskCancelled(state, event.data)
    case 'TaskRetryScheduled': {
      const { step, attempt, dueAt, attemptMs } = event.data
      return change(state, step, (each) => ({
        ...each,
        caught: undefined,
        retry: { attempt, dueAt, attemptMs },
      }))
    }
    case 'TimerFired':
      return timerFired(state, event.data)
    case 'EventReceived': {
      const { step, eventId, filter, event: value, correlation } = event.data
      return change(state, step, (each) => ({
        ...each,
        received: [...each.received, { eventId, filter, event: value }],
        correlation,
      }))
    }
    case 'ListenItemCompleted': {
      const { step, output, context = state.context } = event.data
      return inProgress({ ...state, context }, step, (progress) => ({
        ...progress,
        items: [...progress.items, output],
      }))
    }
    case 'ApprovalGiven':
      return answered(state, event.data.step, 'given')
    case 'ApprovalRefused':
      return answered(state, event.data.step, 'refused')
    case 'RunSuspended':
      return { ...state, suspended: true }
    case 'RunResumed':
      return { ...state, suspended: false }
    case 'RunCancelRequested':
      return end(state, { why: 'cancel', error: undefined, compensation: undefined })
    case 'RunRetried':
      return retried(state, event.data)
    case 'CompensationStarted': {
      const { steps: todo } = event.data
      return inEnding(state, { compensation: { todo, failed: [] } })
    }
    case 'CompensationCompleted':
      return { ...state, compensated: true, compensable: [] }
    case 'RunCompleted':
      return over(state, 'completed', { output: event.data.output })
    case 'RunFaulted':
      return over(state, 'faulted', { error: event.data.error })
    case 'RunCancelled':
      return over(state, 'cancelled', undefined)
  }
}

/** @param events of a run that there is. */
export function evolveAll(run: Run, events: readonly RunEvent[]): Run {
  return events.reduce<RunState>(evolve, run) as Run
}

const nothingYet = { open: 0, begun: 0, outputs: {}, items: [] } as const

function started(data: EventData<'WorkflowRunStarted'>): Run {
  const { transformed = data.input, deadline, ...rest } = data
  const root: OpenStep = {
    ...newStep(data.input, transformed, data.startedAt, deadline),
    ...{ step: 0, parent: 0, reference: '', round: undefined, attempt: 1 },
  }
  return {
    ...rest,
    ...{ status: 'running', suspended: false, context: null, lastStep: 0 },
    open: new Map([[0, root]]),
    ...{ abandoned: [], compensable: [], compensated: false, snapshots: new Map() },
    ...{ ending: undefined, result: undefined },
  }
}

function newStep(rawInput: Json, input: Json, startedAt: string, deadline: string | undefined) {
  return {
    ...{ rawInput, input, startedAt, deadline },
    ...{ work: undefined, compensable: false, compensates: undefined, fired: undefined },
    ...{ approval: undefined, received: [], correlation: {} },
    ...{ caught: undefined, retry: undefined, attemptUntil: undefined },
    progress: { round: -1, output: input, ...nothingYet },
  }
}

function taskStarted(run: Run, data: EventData<'TaskStarted'>): Run {
  const { step, parent, reference, round, attempt, input, startedAt, deadline } = data
  const { attemptUntil } = data
  const before = run.open.get(parent)
  const opened: OpenStep = {
    ...newStep(before?.progress.output ?? input, input, startedAt, deadline),
    ...{ step, parent, reference, round, attempt, work: data.work, attemptUntil },
    compensable: data.compensable === true,
    compensates: data.compensates,
  }
  return opens(run, opened)
}

function approvalRequested(run: Run, data: EventData<'ApprovalRequested'>): Run {
  const { step, parent, reference, round, by, until, otherwise, requestedAt } = data
  const input = run.open.get(parent)?.progress.output ?? null
  const approval = { by, otherwise, answer: undefined, ...(until === undefined ? {} : { until }) }
  const opened: OpenStep = {
    ...newStep(input, input, requestedAt, undefined),
    ...{ step, parent, reference, round, attempt: 1, approval },
  }
  return opens(run, opened)
}

/** A step that waited for an approval, or for its next attempt, is open already. */
function opens(run: Run, opened: OpenStep): Run {
  const { step, parent, reference, round } = opened
  if (run.open.has(step)) return { ...run, open: new Map(run.open).set(step, opened) }
  const { open, context, compensable } = run
  const before = { open, context, compensable }
  const remembered = {
    ...run,
    lastStep: Math.max(run.lastStep, step),
    snapshots: new Map(run.snapshots).set(reference, { step, before }),
  }
  const begun = childBegins(remembered, parent, round)
  return { ...begun, open: new Map(begun.open).set(step, opened) }
}

function taskSkipped(run: Run, data: EventData<'TaskSkipped'>): Run {
  const { step, parent, reference, round } = data
  const wasOpen = run.open.has(step)
  const without = { ...run, lastStep: Math.max(run.lastStep, step), open: omit(run.open, [step]) }
  const todo = run.ending?.compensation?.todo[0]
  const compensated = run.compensable.find((each) => each.step === todo)
  if (compensated !== undefined && reference === compensationReference(compensated.reference))
    return compensationEnds(without, compensated.step, [])
  const begun = wasOpen ? without : childBegins(without, parent, round)
  return childEnds(begun, parent, reference, undefined, 'continue')
}

function taskCompleted(run: Run, data: EventData<'TaskCompleted'>): Run {
  const { step, output, context = run.context, next } = data
  const ended = run.open.get(step)
  if (ended === undefined) return run
  const { compensates, parent, reference, input } = ended
  const done = { step, reference, input, output }
  const without = {
    ...run,
    context,
    open: omit(run.open, [step]),
    compensable: ended.compensable ? [...run.compensable, done] : run.compensable,
  }
  if (compensates !== undefined) return compensationEnds(without, compensates, [])
  return childEnds(without, parent, reference, output, next)
}

function taskFaulted(run: Run, { step, error, caughtBy }: EventData<'TaskFaulted'>): Run {
  const failed = run.open.get(step)
  if (failed === undefined) return run
  if (caughtBy !== undefined) {
    const left = forget(run, stepsWithin(run, caughtBy))
    return change(left, caughtBy, (each) => ({
      ...each,
      caught: error,
      // What follows is no part of the attempt.
      ...withoutAttempt(each),
      progress: { round: -1, output: each.input, ...nothingYet },
    }))
  }
  const compensation = compensationAround(run, failed)
  if (compensation?.compensates !== undefined) {
    const { step: top, compensates } = compensation
    const inside = stepsWithin(run, top).map((each) => each.step)
    const left = { ...run, open: omit(run.open, [top, ...inside]) }
    return compensationEnds(left, compensates, [compensates])
  }
  if (run.status === 'ending') return { ...run, open: omit(run.open, [step]) }
  const left = forget(run, [failed])
  return end(left, { why: 'fault', error, compensation: undefined })
}

function taskCancelled(run: Run, { step }: EventData<'TaskCancelled'>): Run {
  const cancelled = run.open.get(step)
  return cancelled === undefined ? run : forget(run, [cancelled])
}

/** Steps that nobody waits for any more; one that was under way may have happened. */
function forget(run: Run, steps: readonly OpenStep[]): Run {
  const perhaps = steps
    .filter((each) => each.compensable && isUnderWay(each))
    .map(({ step, reference, input }) => ({ step, reference, input, output: undefined }))
  const runs = steps.filter(({ work }) => work?.kind === 'run' && work.await)
  return {
    ...run,
    open: omit(
      run.open,
      steps.map(({ step }) => step),
    ),
    abandoned: [...run.abandoned, ...runs].slice(-MAX_ABANDONED),
    compensable: [...run.compensable, ...perhaps],
  }
}

/** What is under way stays open until its outcome is known. */
function end(run: Run, ending: NonNullable<Run['ending']>): Run {
  const underWay = [...run.open].filter(([, each]) => isUnderWay(each))
  return { ...run, status: 'ending', ending, open: new Map(underWay) }
}

function withoutAttempt({ fired }: OpenStep): Pick<OpenStep, 'fired' | 'attemptUntil'> {
  return { fired: fired === 'attempt' ? undefined : fired, attemptUntil: undefined }
}

function timerFired(run: Run, { step, timer, attemptUntil }: EventData<'TimerFired'>): Run {
  return change(run, step, (each) => {
    if (timer === 'retry') {
      const { attempt = 2, attemptMs } = each.retry ?? {}
      return { ...each, attemptUntil, retry: { attempt, attemptMs, dueAt: undefined } }
    }
    return { ...each, fired: timer }
  })
}

function answered(run: Run, step: number, answer: 'given' | 'refused'): Run {
  return change(run, step, (each) =>
    each.approval === undefined ? each : { ...each, approval: { ...each.approval, answer } },
  )
}

function retried(run: Run, { reference }: EventData<'RunRetried'>): Run {
  const before = run.snapshots.get(reference)?.before
  if (before === undefined) return run
  // Their time is over; what the operator asked for is a new beginning.
  const open = new Map(
    [...before.open].map(([step, each]) => [
      step,
      { ...each, ...withoutAttempt(each), deadline: undefined },
    ]),
  )
  return {
    ...{ ...run, ...before, open },
    ...{ status: 'running', suspended: false, ending: undefined, result: undefined },
  }
}

function compensationEnds(run: Run, step: number, failed: readonly number[]): Run {
  const before = run.ending?.compensation ?? { todo: [], failed: [] }
  return inEnding(run, {
    compensation: {
      todo: before.todo.filter((each) => each !== step),
      failed: [...before.failed, ...failed],
    },
  })
}

function inEnding(run: Run, changes: Partial<NonNullable<Run['ending']>>): Run {
  return run.ending === undefined ? run : { ...run, ending: { ...run.ending, ...changes } }
}

function over(run: Run, status: Run['status'], result: Run['result']): Run {
  return { ...run, status, result, open: new Map(), suspended: false }
}
