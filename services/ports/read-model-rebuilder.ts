import type { Position } from './event-store.ts'

export type RebuildOutcome =
  | {
      readonly outcome: 'rebuilt'
      /** Of the rows that queries see now. */
      readonly version: number
      readonly position: Position
      readonly events: number
      readonly durationMs: number
    }
  /** It would fail again: the rows are as they were. */
  | { readonly outcome: 'failed'; readonly cause: string }
  /** Somebody else did it, or has to: this program does not know the read model, or not its newest version. */
  | { readonly outcome: 'not-wanted' }

/** Makes a read model's rows anew from the log, beside the ones that queries see until it is done. */
export interface ReadModelRebuilder {
  /**
   * Waits while another process rebuilds the same read model, then asks `wanted`.
   *
   * @throws when `signal` aborts, or the store or the database fails; the rows are as they were.
   */
  rebuild(
    readModel: string,
    wanted: () => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<RebuildOutcome>
}
