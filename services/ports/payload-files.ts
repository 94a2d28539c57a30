/** Large values of runs, as they are on the disk. */
export interface PayloadFiles {
  /** All that the run has; it may have none, or be none. */
  removeAll(tenantId: string, runId: string): Promise<void>
}
