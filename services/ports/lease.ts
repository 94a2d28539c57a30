/**
 * Does `work` while no other process does what has the same lease; its signal aborts when that may
 * have changed, or when `signal` does.
 */
export type HoldLease = (
  signal: AbortSignal,
  work: (held: AbortSignal) => Promise<void>,
) => Promise<void>
