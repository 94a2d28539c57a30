import { backoff } from '../kernel/backoff.ts'

export type RestartPolicy = {
  /** First wait; doubles with every failure in the window. */
  readonly baseDelayMs: number
  readonly maxDelayMs: number
  /** Failures older than this are forgotten. */
  readonly windowMs: number
  /** The failure that makes so many in the window is the last one. */
  readonly maxFailures: number
}

export const RESTART_POLICY: RestartPolicy = {
  baseDelayMs: 250,
  maxDelayMs: 30_000,
  windowMs: 60_000,
  maxFailures: 5,
}

export type AfterFailure =
  | { readonly step: 'restart'; readonly delayMs: number; readonly failures: readonly number[] }
  | { readonly step: 'quarantine'; readonly failures: readonly number[] }

/**
 * What to do about a server process that just failed.
 *
 * @param earlier times of the failures before this one, in ms.
 * @param jitter from 0 to 1: the delay is between half of the exponential value and all of it,
 *   so that many servers that died together do not come back together.
 */
export function afterFailure(
  policy: RestartPolicy,
  earlier: readonly number[],
  nowMs: number,
  jitter: number,
): AfterFailure {
  const failures = [...earlier.filter((at) => nowMs - at < policy.windowMs), nowMs]
  if (failures.length >= policy.maxFailures) return { step: 'quarantine', failures }
  const ceiling = backoff(failures.length - 1, policy.baseDelayMs, policy.maxDelayMs)
  return { step: 'restart', delayMs: Math.round(ceiling * (0.5 + jitter / 2)), failures }
}
