import type { Json } from '../../kernel/json.ts'
import type { Duration, RetryPolicy } from '../document-parts.ts'
import type { TryTask } from '../document-tasks.ts'
import { after, durationMs } from './duration.ts'
import { evaluate, holds, type Place } from './evaluate.ts'
import { fault } from './fault.ts'

/** Of a policy without a limit of its own: the log keeps every attempt. */
const MAX_RETRIES = 100
/** Exponential delays do not grow beyond a day. */
const MAX_DELAY_MS = 86_400_000

export type NextAttempt = {
  readonly attempt: number
  readonly dueAt: string
  readonly attemptMs?: number
}

type Named = { readonly [name: string]: Json }

/** @returns undefined when the error is not retried, or not any more. */
export function nextAttempt(
  place: Place,
  retry: TryTask['catch']['retry'],
  named: Named,
): NextAttempt | undefined {
  const policy = policyOf(place, retry)
  if (policy === undefined || !isWanted(place, policy, named)) return undefined
  const retries = (place.step.retry?.attempt ?? 1) - 1
  if (retries >= (policy.limit?.attempt?.count ?? MAX_RETRIES)) return undefined
  const ms = (duration: Duration) => durationMs(evaluate(place, duration, place.step.input, named))
  const delay = Math.min(MAX_DELAY_MS, delayMs(place, policy, retries, ms))
  const dueAt = after(place.now, delay)
  const { duration } = policy.limit ?? {}
  if (duration !== undefined && Date.parse(dueAt) > Date.parse(place.step.startedAt) + ms(duration))
    return undefined
  const attemptMs = attemptMsOf(place, retry, named)
  return { attempt: retries + 2, dueAt, ...(attemptMs === undefined ? {} : { attemptMs }) }
}

/** What `limit.attempt.duration` allows each attempt. */
export function attemptMsOf(
  place: Place,
  retry: TryTask['catch']['retry'],
  named: Named = {},
): number | undefined {
  const { duration } = policyOf(place, retry)?.limit?.attempt ?? {}
  if (duration === undefined) return undefined
  return durationMs(evaluate(place, duration, place.step.input, named))
}

function policyOf(place: Place, retry: TryTask['catch']['retry']): RetryPolicy | undefined {
  if (typeof retry !== 'string') return retry
  const policy = place.program.document.use?.retries?.[retry]
  if (policy === undefined) throw fault('configuration', `There is no retry policy "${retry}".`)
  return policy
}

/** What `when` and `exceptWhen` say, of a policy and of a `catch`. */
export function isWanted(
  place: Place,
  { when, exceptWhen }: Pick<RetryPolicy, 'when' | 'exceptWhen'>,
  named: Named,
): boolean {
  const { input } = place.step
  return (
    (when === undefined || holds(place, when, input, named)) &&
    (exceptWhen === undefined || !holds(place, exceptWhen, input, named))
  )
}

function delayMs(
  { random }: Place,
  { delay, backoff, jitter }: RetryPolicy,
  retries: number,
  ms: (duration: Duration) => number,
): number {
  const base = delay === undefined ? 0 : ms(delay)
  const spread =
    jitter === undefined ? 0 : ms(jitter.from) + random * (ms(jitter.to) - ms(jitter.from))
  if (backoff === undefined || 'constant' in backoff) return base + spread
  return ('linear' in backoff ? base * (retries + 1) : base * 2 ** retries) + spread
}
