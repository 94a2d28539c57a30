import { setTimeout as delay } from 'node:timers/promises'
import { v5 as uuidOf } from 'uuid'
import type { OwedAction, RulesEvaluated } from '../../domain/rules/evaluation.ts'
import {
  type ActionOwed,
  type FiringCommand,
  firing,
  firingStream,
  nextAction,
  pauseAfter,
  skippedAfter,
} from '../../domain/rules/firing.ts'
import { execute, load } from '../kernel/execute.ts'
import type { Slots } from '../kernel/slots.ts'
import type { EventStore, RecordedEvent } from '../ports/event-store.ts'
import type { Metrics } from '../ports/metrics.ts'
import { RULES_NAMESPACE } from './evaluations.ts'
import { type Acted, type ActionDeps, perform } from './perform.ts'

export type FiringDeps = ActionDeps & {
  readonly store: EventStore
  readonly now: () => Date
  readonly metrics: Metrics
  /** From 0 up to 1. */
  readonly random: () => number
}

/** One match of one rule, and what it owes. */
export type Firing = {
  readonly evaluation: RecordedEvent
  readonly rule: RulesEvaluated['rules'][number]
}

/**
 * Does what a firing still owes, one action after the other, and records each attempt. A crash between an
 * action and its record repeats the action: a command under the same id, which is carried out once.
 *
 * @throws what the store throws, or when `signal` aborts; what was not recorded is still owed.
 */
export async function drive(
  deps: FiringDeps,
  owed: Firing,
  slots: Slots,
  signal: AbortSignal,
): Promise<void> {
  const { evaluation, rule } = owed
  const { actions = [] } = rule
  const stream = firingStream(evaluation.tenantId, evaluation.eventId, rule.ruleId)
  let { state } = await load(deps.store, firing, stream)
  for (let next = nextAction(actions, state); next; next = nextAction(actions, state)) {
    const turn = next
    await untilDue(turn, deps.now(), signal)
    const command = await slots.use(() => attempt(deps, owed, turn, signal))
    signal.throwIfAborted()
    const context = { ...contextOf(owed), actorId: 'system:rules' }
    state = (await execute(deps.store, firing, stream, command, context)).state
  }
}

async function untilDue({ notBefore }: ActionOwed, now: Date, signal: AbortSignal): Promise<void> {
  if (notBefore === undefined) return
  const ms = Date.parse(notBefore) - now.getTime()
  if (ms > 0) await delay(ms, undefined, { signal })
}

async function attempt(
  deps: FiringDeps,
  owed: Firing,
  turn: ActionOwed,
  signal: AbortSignal,
): Promise<FiringCommand> {
  signal.throwIfAborted()
  const startedAt = performance.now()
  const acted = await perform(deps, owed, turn, actionId(owed, turn.index), contextOf(owed), signal)
  const command = outcomeOf(deps, owed, turn, acted)
  const seconds = (performance.now() - startedAt) / 1_000
  const failed = 'retryAt' in command ? 'retried' : 'failed'
  deps.metrics.ruleActed(command.type === 'RecordSuccess' ? 'succeeded' : failed, seconds)
  return command
}

/** The same for every attempt. */
function actionId({ evaluation, rule }: Firing, index: number): string {
  return uuidOf(`${evaluation.eventId}/${rule.ruleId}/${index}`, RULES_NAMESPACE)
}

function contextOf({ evaluation }: Firing) {
  const { tenantId, correlationId, eventId: causationId } = evaluation
  return { tenantId, correlationId, causationId }
}

function outcomeOf(
  { now, random }: Pick<FiringDeps, 'now' | 'random'>,
  { evaluation, rule }: Firing,
  { action, index, attempt }: ActionOwed,
  acted: Acted,
): FiringCommand {
  const { ruleId, version } = rule
  const at = now()
  const of = { evaluationId: evaluation.eventId, ruleId, version, index, attempt }
  const about = { ...of, action: nameOf(action) }
  if (acted.outcome === 'succeeded') {
    const { stream, result } = acted
    const touched = stream === undefined ? {} : { stream }
    return { type: 'RecordSuccess', ...about, result, ...touched, succeededAt: at.toISOString() }
  }
  const { code, cause, again, retryAfterMs = 0 } = acted
  const pause = again ? pauseAfter(attempt, random()) : undefined
  const failure = { ...about, code, cause, failedAt: at.toISOString() }
  if (pause !== undefined) {
    const retryAt = new Date(at.getTime() + Math.max(pause, retryAfterMs)).toISOString()
    return { type: 'RecordFailure', ...failure, retryAt }
  }
  const skipped = [...skippedAfter(rule.actions ?? [], index)]
  return { type: 'RecordFailure', ...failure, ...(skipped.length === 0 ? {} : { skipped }) }
}

function nameOf(action: OwedAction): string {
  return action.kind === 'command' ? action.command : 'webhook'
}
