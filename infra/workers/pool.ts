import { Piscina } from 'piscina'
import type { WorkerPool } from '../../services/ports/worker-pool.ts'

// `.ts` under tsx and tap, `.js` once built: a worker file has this module's own extension.
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

export type WorkerPoolOptions = {
  readonly maxThreads: number
  /** Tasks that wait for a thread; more are refused. */
  readonly maxQueue?: number
}

/** Threads are started when there is work and end when there is none for a while. */
export function createWorkerPool({ maxThreads, maxQueue = 1_000 }: WorkerPoolOptions): WorkerPool {
  const pool = new Piscina({
    filename: new URL(`./tasks.worker.${EXTENSION}`, import.meta.url).href,
    minThreads: 0,
    maxThreads,
    maxQueue,
    idleTimeout: 30_000,
  })
  return {
    run: (task, input, signal) =>
      pool.run(input, { name: task, ...(signal === undefined ? {} : { signal }) }),
    [Symbol.asyncDispose]: () => pool.destroy(),
  }
}
