const MINUTE_MS = 60_000
const MIB = 1024 * 1024

/** What one run may cost at most; an upstream that needs more fails its run. */
export type SyncLimits = {
  readonly maxPages: number
  /** Of all pages together. */
  readonly maxBytes: number
  readonly maxRunMs: number
  /** Pages in a row that show nothing new before the walk counts as a loop. */
  readonly maxIdlePages: number
  /** How long a run waits for the read models to show what the log holds. */
  readonly maxWaitMs: number
  /** After so long without a sign of life another process may carry the run on. */
  readonly leaseMs: number
}

export const DEFAULT_SYNC_LIMITS: SyncLimits = {
  maxPages: 20_000,
  maxBytes: 2_048 * MIB,
  maxRunMs: 15 * MINUTE_MS,
  maxIdlePages: 3,
  maxWaitMs: MINUTE_MS,
  leaseMs: 15_000,
}
