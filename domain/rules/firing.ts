import { accept, type Decider } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { OwedAction } from './evaluation.ts'
import type { RuleActionEvent } from './events.ts'

// What became of the actions that one match of one rule owes. They are done in order; the one
// that fails for good ends the chain or not, as the rule says. The actions themselves are in the
// evaluation that owes them.

export function firingStream(tenantId: string, evaluationId: string, ruleId: string): string {
  return streamName('firing', tenantId, `${evaluationId}.${ruleId}`)
}

type Data<Type extends RuleActionEvent['type']> = Extract<
  RuleActionEvent,
  { readonly type: Type }
>['data']

export type FiringCommand =
  | ({ readonly type: 'RecordSuccess' } & Data<'RuleActionSucceeded'>)
  | ({ readonly type: 'RecordFailure' } & Data<'RuleActionFailed'>)

export type FiringState = {
  /** Of the action that is to be done next. */
  readonly index: number
  /** Attempts of that one that failed. */
  readonly failures: number
  /** ISO-8601; undefined = at once. */
  readonly notBefore: string | undefined
}

/** What another process recorded meanwhile is not recorded again. */
export const firing: Decider<FiringState, FiringCommand, RuleActionEvent, never> = {
  initial: { index: 0, failures: 0, notBefore: undefined },

  decide(state, { type, ...data }) {
    if (data.index !== state.index || data.attempt !== state.failures + 1) return accept()
    return type === 'RecordSuccess'
      ? accept({ type: 'RuleActionSucceeded', data: data as Data<'RuleActionSucceeded'> })
      : accept({ type: 'RuleActionFailed', data: data as Data<'RuleActionFailed'> })
  },

  evolve(_state, event) {
    const { index, attempt } = event.data
    if (event.type === 'RuleActionFailed') {
      const { retryAt, skipped = [] } = event.data
      if (retryAt !== undefined) return { index, failures: attempt, notBefore: retryAt }
      return { index: index + skipped.length + 1, failures: 0, notBefore: undefined }
    }
    return { index: index + 1, failures: 0, notBefore: undefined }
  },
}

export type ActionOwed = {
  readonly action: OwedAction
  readonly index: number
  readonly attempt: number
  readonly notBefore: string | undefined
}

/** @returns undefined when every action is done, given up or skipped. */
export function nextAction(
  actions: readonly OwedAction[],
  { index, failures, notBefore }: FiringState,
): ActionOwed | undefined {
  const action = actions[index]
  return action && { action, index, attempt: failures + 1, notBefore }
}

/** Seconds before each further attempt, before jitter: six attempts within about eight minutes. */
const PAUSES_S = [1, 5, 30, 120, 300] as const

/**
 * @param attempt that failed, from 1.
 * @param random from 0 to 1.
 * @returns ms to wait before the next attempt; undefined when there is none.
 */
export function pauseAfter(attempt: number, random: number): number | undefined {
  const pause = PAUSES_S[attempt - 1]
  return pause && Math.round(pause * 1_000 * (1 + random / 5))
}

/** The actions that are not done because the one at `index` failed for good. */
export function skippedAfter(actions: readonly OwedAction[], index: number): readonly number[] {
  if (actions[index]?.onFailure !== 'stop') return []
  return actions.slice(index + 1).map((_action, later) => index + 1 + later)
}
