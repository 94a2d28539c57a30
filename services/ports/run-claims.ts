/** Which run, of which tenant. */
export type RunKey = { readonly tenantId: string; readonly runId: string }

/** So that two processes do not do one step at the same time. What they record is safe without it. */
export interface RunClaims extends AsyncDisposable {
  /**
   * Does `work` unless another process has the run; its signal aborts when the claim is lost. A claim
   * ends with the process that has it, whatever ends that.
   *
   * @returns false when another process has it.
   */
  whileClaimed(run: RunKey, work: (signal: AbortSignal) => Promise<void>): Promise<boolean>
}
