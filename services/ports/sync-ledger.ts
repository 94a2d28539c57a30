/** One source of one tenant. */
export type SourceKey = { readonly tenantId: string; readonly sourceId: string }

/** What a run has done so far. */
export type SyncProgress = {
  readonly phase: 'waiting' | 'news' | 'walk' | 'removals'
  readonly pages: number
  readonly bytes: number
  /** Entries that the upstream showed. */
  readonly entries: number
  readonly added: number
  readonly changed: number
  readonly removed: number
}

export type RunningSync = SyncProgress & { readonly runId: string; readonly updatedAt: Date }

/** A page as the last complete walk found it. */
export type SeenPage = {
  /** Empty for the first page. */
  readonly cursor: string
  /** SHA-256 of the page's bytes, hexadecimal; empty = read it again in any case. */
  readonly bodyHash: string
  readonly nextCursor: string | undefined
  readonly entries: number
  readonly invalid: number
  readonly refused: number
  readonly newestUpdatedAt: string | undefined
}

/** The pages of a complete walk, in order, and what the mirror was when it ended. */
export type SeenWalk = {
  readonly pages: readonly SeenPage[]
  /** Log position of the newest entry event of the source: another one there now = the walk is outdated. */
  readonly cataloguePosition: bigint
}

/** What pages listed, by cursor. */
export type PageEntries = ReadonlyMap<
  string,
  readonly { readonly name: string; readonly version: string }[]
>

/**
 * Operational memory of syncing, shared by all processes: who works on which source, how far
 * the run is, what the pages looked like last time. Losing all of it costs time, never truth.
 */
export interface SyncLedger {
  /** @returns false when another process works on the source. */
  claim(source: SourceKey, runId: string, leaseMs: number): Promise<boolean>
  /** Tells how far the run is and renews the claim. @returns false when the claim was lost. */
  report(
    source: SourceKey,
    runId: string,
    progress: SyncProgress,
    leaseMs: number,
  ): Promise<boolean>
  release(source: SourceKey, runId: string): Promise<void>
  /** @returns undefined when nobody works on the source. */
  running(source: SourceKey): Promise<RunningSync | undefined>

  lastWalk(source: SourceKey): Promise<SeenWalk | undefined>
  /** Entries of every page of the last walk. */
  entriesOfLastWalk(source: SourceKey): Promise<PageEntries>
  /** Replaces the last walk. `changed`: the entries of the pages that are new or different. */
  saveWalk(source: SourceKey, walk: SeenWalk, changed: PageEntries): Promise<void>
  forget(source: SourceKey): Promise<void>
}
