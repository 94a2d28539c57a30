/** CPU-heavy work off the main thread. Inputs and outputs are structured-cloned. */
export interface WorkerPool extends AsyncDisposable {
  /** @param task export of the worker module that does the work. */
  run<Input, Output>(task: string, input: Input, signal?: AbortSignal): Promise<Output>
}
