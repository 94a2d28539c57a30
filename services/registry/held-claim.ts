import type { SourceKey, SyncLedger, SyncProgress } from '../ports/sync-ledger.ts'
import type { SyncLimits } from './sync-limits.ts'

const REPORT_EVERY_MS = 500

export type HeldClaim = {
  /** Aborts when another process took the source over. */
  readonly lost: AbortSignal
  /** Gives the claim back. */
  readonly stop: () => Promise<void>
}

/** Reports the progress and so renews the claim, until it is stopped or the claim is lost. */
export function holdClaim(
  { ledger, limits }: { readonly ledger: SyncLedger; readonly limits: SyncLimits },
  source: SourceKey,
  runId: string,
  progress: SyncProgress,
): HeldClaim {
  const lost = new AbortController()
  let reporting: Promise<void> = Promise.resolve()
  const report = async () => {
    try {
      if (!(await ledger.report(source, runId, progress, limits.leaseMs))) lost.abort()
    } catch {
      // The ledger is away for a moment; if it stays away the lease runs out by itself.
    }
  }
  const timer = setInterval(
    () => {
      reporting = reporting.then(report)
    },
    Math.min(REPORT_EVERY_MS, limits.leaseMs / 4),
  )
  return {
    lost: lost.signal,
    stop: async () => {
      clearInterval(timer)
      await reporting
      await ledger.release(source, runId)
    },
  }
}
