import type { Position } from './event-store.ts'

/**
 * Those of these names, all of them (the default), or those that follow the log now: one that
 * is stopped, or whose rows are of an older version, would be waited for in vain.
 */
export type Awaited = readonly string[] | 'all' | 'following'

/** How far the read models have followed the log. */
export interface ReadFreshness {
  /** Position that every read model has reached. */
  reached(): Promise<Position>
  /** @returns false when the read models did not reach `position` within `timeoutMs`. */
  waitFor(position: Position, timeoutMs: number, awaited?: Awaited): Promise<boolean>
  /** Names of the read models that do not follow the log now. */
  standingStill(): Promise<readonly string[]>
}
