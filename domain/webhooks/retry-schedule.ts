const SECOND = 1_000
const HOUR = 3_600 * SECOND

/** From the first attempt; what fails after it is parked. */
export const RETRY_WINDOW_MS = 24 * HOUR
const FIRST_DELAY_MS = 5 * SECOND
const FACTOR = 3
const LONGEST_DELAY_MS = 4 * HOUR
/** A delay is longer or shorter by up to this part of it. */
const JITTER = 0.2

export type FailedAttempt = {
  /** Attempts so far, from 1. */
  readonly attempts: number
  readonly firstAttemptAt: Date
  readonly now: Date
  /** What the receiver asked for. */
  readonly retryAfterMs: number | undefined
  /** From 0 up to 1. */
  readonly random: number
}

/**
 * Exponential backoff with jitter: about 5 s, 15 s, 45 s, 2 min, 7 min, 20 min, 1 h, 3 h, then every
 * 4 h, and a last time when the window ends. A receiver's `Retry-After` is waited for, up to the
 * length of the window, even beyond its end.
 *
 * @returns undefined when the window is over.
 */
export function nextAttempt(failed: FailedAttempt): Date | undefined {
  const { attempts, firstAttemptAt, retryAfterMs = 0, random } = failed
  const now = failed.now.getTime()
  const end = firstAttemptAt.getTime() + RETRY_WINDOW_MS
  if (now >= end) return undefined
  const delay = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * FACTOR ** Math.min(attempts - 1, 20))
  const jittered = delay * (1 - JITTER + 2 * JITTER * random)
  const asked = now + Math.min(retryAfterMs, RETRY_WINDOW_MS)
  return new Date(Math.ceil(Math.max(Math.min(now + jittered, end), asked)))
}
