import type { Position } from './event-store.ts'

export type RowDifference = {
  /** The row's key. */
  readonly key: Readonly<Record<string, unknown>>
  /** `missing`: only the rebuilt row is there. `extra`: only the live one is. */
  readonly kind: 'missing' | 'extra' | 'different'
}

export type ReadModelVerdict = {
  readonly readModel: string
  /** `not-verified`: there are no rows of this program's version yet. One that stands still is compared as far as it came. */
  readonly verdict: 'identical' | 'different' | 'not-verified'
  /** The position up to which it was rebuilt and compared. */
  readonly position: Position
  /** Streams that the live rows leave out, because one of their events could not be projected. */
  readonly parkedStreams: number
  /** Why it stands still; null when it does not. */
  readonly stopped: string | null
  readonly tables: readonly {
    readonly table: string
    readonly rows: number
    readonly differences: number
    /** The first few. */
    readonly examples: readonly RowDifference[]
  }[]
}

export type VerificationProgress = {
  /** How many were projected so far. */
  readonly events: number
  /** How far in the log. */
  readonly position: Position
  readonly end: Position
}

/** Rebuilds read models from the log beside the live ones, and compares them row by row. */
export interface ReadModelVerifier {
  /**
   * @param readModel the one to look at; by default all of them.
   * @throws when `signal` aborts, or the store or the database fails.
   */
  verify(
    signal: AbortSignal,
    onProgress: (progress: VerificationProgress) => void,
    readModel?: string,
  ): Promise<{ readonly identical: boolean; readonly readModels: readonly ReadModelVerdict[] }>
}
