import { accept, type Decider, type Decision, reject } from '../../kernel/decider.ts'
import { streamName } from '../../kernel/ids.ts'
import type { RunEvent } from '../run-events.ts'
import { advance } from './advance.ts'
import type { RunCommand, RunRejection } from './commands.ts'
import { complete } from './complete.ts'
import { after } from './duration.ts'
import { evolve, evolveAll } from './evolve.ts'
import { faultEvents } from './faulting.ts'
import { receive, typesOf } from './listen.ts'
import { type Timer, timersOf } from './owed.ts'
import { start } from './starting.ts'
import { isOver, isRun, type OpenApproval, type Run, type RunState } from './state.ts'
import { faultedRun, faultedTurn } from './unrecordable.ts'

export function runStream(tenantId: string, runId: string): string {
  return streamName('run', tenantId, runId)
}

type Decided = Decision<RunEvent, RunRejection>
type Command<Type extends RunCommand['type']> = Extract<RunCommand, { readonly type: Type }>

/** See state.ts for the states. What an expression gives is recorded: replay evaluates none. */
export const run: Decider<RunState, RunCommand, RunEvent, RunRejection> = {
  initial: { status: 'absent' },
  evolve,

  decide(state, command) {
    if (command.type === 'StartRun') return start(state, command)
    if (!isRun(state)) return reject('not-found', 'run-not-found', 'There is no such run.')
    switch (command.type) {
      case 'AdvanceRun':
        return accept(...advance(state, command.surroundings, command.maxTurns))
      case 'RecordOutcome':
        return recordOutcome(state, command)
      case 'ReceiveEvent':
        return receiveEvent(state, command)
      case 'FireTimers':
        return fireTimers(state, command)
      case 'FaultTurn':
        return accept(...faultedTurn(state, command.surroundings, command.error))
      case 'FaultRun':
        return isOver(state) ? accept() : accept(...faultedRun(state, command.error, command.now))
      case 'AbandonRun': {
        const data = { runId: state.runId, cancelledAt: command.now }
        return isOver(state) ? accept() : accept({ type: 'RunCancelled', data })
      }
      case 'AnswerApproval':
        return answer(state, command)
      case 'SuspendRun':
        return suspend(state, command)
      case 'ResumeRun': {
        const data = { runId: state.runId, resumedAt: command.now }
        return state.suspended ? accept({ type: 'RunResumed', data }) : accept()
      }
      case 'CancelRun':
        return cancel(state, command)
      case 'RetryRun':
        return retry(state, command)
    }
  },
}

/** An outcome that nobody waits for any more changes nothing. */
function recordOutcome(state: Run, command: Command<'RecordOutcome'>): Decided {
  const { outcome, surroundings, maxTurns } = command
  const step = state.open.get(command.step)
  if (step?.work === undefined || isOver(state)) return accept()
  const place = { ...surroundings, run: state, step }
  const events = 'error' in outcome ? faultEvents(place, outcome.error) : complete(place, outcome)
  return accept(...events, ...advance(evolveAll(state, events), surroundings, maxTurns))
}

/** It is recorded while the run is suspended, too. */
function receiveEvent(state: Run, command: Command<'ReceiveEvent'>): Decided {
  const { event, steps, surroundings } = command
  if (isOver(state)) return steps === undefined ? over(state) : accept()
  const events: RunEvent[] = []
  for (const step of state.open.values())
    if (steps?.includes(step.step) ?? true)
      events.push(...receive({ ...surroundings, run: state, step }, event))
  if (events.length === 0 && steps === undefined && !hasReceived(state, event.id))
    return reject(
      'conflict',
      'run-not-listening',
      'Nothing in the run waits for such an event now.',
    )
  return accept(...events)
}

function hasReceived(state: Run, id: string): boolean {
  return [...state.open.values()].some(({ received }) =>
    received.some(({ eventId }) => eventId === id),
  )
}

function fireTimers(state: Run, { now }: Command<'FireTimers'>): Decided {
  const due = timersOf(state).filter(({ dueAt }) => Date.parse(dueAt) <= Date.parse(now))
  // A step has one outcome: what it waits for comes before its deadline.
  const first = due.filter(
    (each, index) => due.findIndex(({ step }) => step === each.step) === index,
  )
  return accept(
    ...first.map(
      (timer): RunEvent => ({
        type: 'TimerFired',
        data: { runId: state.runId, ...timer, ...attemptFrom(state, timer, now), firedAt: now },
      }),
    ),
  )
}

/** Its time is counted from when it begins, however late that is. */
function attemptFrom(
  { open }: Run,
  { step, timer }: Timer,
  now: string,
): { readonly attemptUntil?: string } {
  const { attemptMs } = open.get(step)?.retry ?? {}
  if (timer !== 'retry' || attemptMs === undefined) return {}
  return { attemptUntil: after(now, attemptMs) }
}

function answer(state: Run, command: Command<'AnswerApproval'>): Decided {
  const { actorId, comment, decision, now } = command
  const step = state.open.get(command.step)
  const { approval } = step ?? {}
  if (step === undefined || approval === undefined || isOver(state))
    return reject('conflict', 'approval-not-open', 'Nobody is asked to approve this step now.')
  if (!mayAnswer(approval, command))
    return reject('forbidden', 'approval-forbidden', 'This key may not approve this step.')
  const wanted = decision === 'approve' ? 'given' : 'refused'
  if (approval.answer === wanted) return accept()
  if (approval.answer !== undefined || step.fired === 'approval')
    return reject('conflict', 'approval-answered', 'Somebody else has answered, or it is too late.')
  const data = {
    ...{ runId: state.runId, step: step.step, actorId, decidedAt: now },
    ...(comment === undefined ? {} : { comment }),
  }
  return accept({ type: decision === 'approve' ? 'ApprovalGiven' : 'ApprovalRefused', data })
}

function mayAnswer({ by }: OpenApproval, { actorId, scopes }: Command<'AnswerApproval'>): boolean {
  return (
    (by.scope !== undefined && scopes.includes(by.scope)) || (by.actors ?? []).includes(actorId)
  )
}

function suspend(state: Run, { now }: Command<'SuspendRun'>): Decided {
  if (isOver(state)) return over(state)
  if (state.suspended) return accept()
  return accept({ type: 'RunSuspended', data: { runId: state.runId, suspendedAt: now } })
}

/** One that fails already is compensated anyway. */
function cancel(state: Run, { now }: Command<'CancelRun'>): Decided {
  const { runId } = state
  if (state.status === 'cancelled' || state.status === 'ending') return accept()
  if (isOver(state)) return over(state)
  const resumed: readonly RunEvent[] = state.suspended
    ? [{ type: 'RunResumed', data: { runId, resumedAt: now } }]
    : []
  return accept(...resumed, { type: 'RunCancelRequested', data: { runId, requestedAt: now } })
}

function retry(state: Run, { step, now }: Command<'RetryRun'>): Decided {
  const { runId } = state
  if (state.status !== 'faulted' && state.status !== 'cancelled')
    return reject(
      'conflict',
      'run-not-over',
      'Only a run that faulted or was cancelled is retried.',
    )
  const latest = [...state.snapshots].sort(([, a], [, b]) => b.step - a.step)
  const wanted = step ?? latest[0]?.[1].step
  const found = latest.find(([, each]) => each.step === wanted)
  if (found === undefined || wanted === undefined)
    return reject(
      'not-found',
      'step-not-found',
      'The run has no such step, or took it again later.',
    )
  const [reference] = found
  if (state.compensated && wanted !== 1)
    return reject(
      'conflict',
      'run-compensated',
      'What this run did was taken back: it can only be retried from its first step.',
    )
  const data = { runId, step: wanted, reference, timers: [], listeners: [], retriedAt: now }
  const again = evolve(state, { type: 'RunRetried', data }) as Run
  const timers = timersOf(again).map(({ step: each, dueAt }) => ({ step: each, dueAt }))
  return accept({ type: 'RunRetried', data: { ...data, timers, listeners: listenersIn(again) } })
}

/** Steps beside the one that is retried that wait for events as before. */
function listenersIn({ open }: Run): { step: number; listensTo: string[] }[] {
  return [...open.values()].flatMap(({ step, work }) =>
    work?.kind === 'listen' ? [{ step, listensTo: [...typesOf(work)] }] : [],
  )
}

function over({ status }: Run): Decided {
  return reject('conflict', 'run-over', `The run is ${status}.`)
}
