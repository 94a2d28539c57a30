import { isOver, isRun, isUnderWay, type OpenStep, type Run, type RunState } from './state.ts'
import type { Work } from './work.ts'

export type OwedWork = Extract<Work, { readonly kind: 'call' | 'emit' | 'run' }>

/** One effect of a run. Whatever dies when, it is done under the same step. */
export type Action = {
  readonly step: number
  readonly attempt: number
  readonly reference: string
  readonly work: OwedWork
  /** When nobody waits for it any more, ISO-8601. */
  readonly deadline: string | undefined
  /** Nobody waits for it: what can be ended is ended, and has no outcome. */
  readonly isAbandoned: boolean
}

/** What the run owes now, several at once inside a fork. */
export function nextActions(state: RunState): readonly Action[] {
  if (!isRun(state)) return []
  const abandoned = state.abandoned.map((each) => actionOf(each, true))
  if (isOver(state) || state.suspended) return abandoned
  const underWay = [...state.open.values()].filter(isUnderWay)
  return [...underWay.map((each) => actionOf(each, false)), ...abandoned]
}

function actionOf(each: OpenStep, isAbandoned: boolean): Action {
  const { step, attempt, reference, deadline } = each
  return { step, attempt, reference, deadline, isAbandoned, work: each.work as OwedWork }
}

export type Timer = {
  readonly step: number
  readonly timer: NonNullable<OpenStep['fired']>
  readonly dueAt: string
}

/** Everything that happens in the run because of the time. */
export function timersOf(run: Run): readonly Timer[] {
  if (isOver(run)) return []
  return [...run.open.values()].flatMap((each) => {
    const { step, work, fired, retry, deadline, approval, attemptUntil } = each
    const timers: Timer[] = []
    const add = (timer: Timer['timer'], dueAt: string | undefined) => {
      if (dueAt !== undefined) timers.push({ step, timer, dueAt })
    }
    if (work?.kind === 'wait' && fired === undefined) add('wait', work.dueAt)
    if (fired === undefined) add('deadline', deadline)
    if (fired === undefined && approval?.answer === undefined) add('approval', approval?.until)
    add('retry', retry?.dueAt)
    if (fired === undefined) add('attempt', attemptUntil)
    return timers
  })
}
