import type { Position } from './event-store.ts'

/** How far the read models have followed the log. */
export interface ReadFreshness {
  /** Position that every read model has reached. */
  reached(): Promise<Position>
  /** @returns false when the read models did not reach `position` within `timeoutMs`. */
  waitFor(position: Position, timeoutMs: number): Promise<boolean>
}
