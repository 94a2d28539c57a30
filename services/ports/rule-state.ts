import type { Position } from './event-store.ts'

/** What a tenant's engine was when it had taken in everything up to `position`. */
export type RuleSnapshot = {
  readonly tenantId: string
  readonly position: Position
  /** JSON. */
  readonly state: unknown
}

/**
 * What rules remember of the log so that a start need not read all of it. It can be lost at any
 * time: what was decided and done is in the log.
 */
export interface RuleState {
  /** Those that were saved in this format; others are forgotten. */
  snapshots(format: number): Promise<readonly RuleSnapshot[]>
  /**
   * The engines that changed, and how far all of them have come. What is further already stays.
   */
  save(
    format: number,
    changed: readonly Pick<RuleSnapshot, 'tenantId' | 'state'>[],
    position: Position,
  ): Promise<void>
  /** Revision in the tenant's evaluations from which on actions may still be owed; 0n when nothing is known. */
  actionsFrom(tenantId: string): Promise<bigint>
  saveActionsFrom(tenantId: string, revision: bigint): Promise<void>
}
