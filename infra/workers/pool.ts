import { Piscina } from 'piscina'
import type { WorkerPool } from '../../services/ports/worker-pool.ts'

const WORKER = import.meta.resolve('./tasks.worker.ts')

/** On Node 20 tsx serves the main thread only: its workers have to ask for it themselves. */
function loaderArguments(): string[] | undefined {
  if (!WORKER.endsWith('.ts')) return undefined
  const tsx = JSON.stringify(import.meta.resolve('tsx/esm/api'))
  const script = encodeURIComponent(`import { register } from ${tsx}; register()`)
  return ['--import', `data:text/javascript,${script}`]
}

export type WorkerPoolOptions = {
  readonly maxThreads: number
  /** Tasks that wait for a thread; more are refused. */
  readonly maxQueue?: number
  /** Of the heap of one thread; a task that needs more ends its thread. */
  readonly maxMegabytes?: number
}

/**
 * Threads are started when there is work and end when there is none for a while. A task whose
 * thread ended under it is tried once more: another task on the thread may have been to blame.
 */
export function createWorkerPool({
  maxThreads,
  maxQueue = 1_000,
  maxMegabytes = 512,
}: WorkerPoolOptions): WorkerPool {
  const execArgv = loaderArguments()
  const pool = new Piscina({
    filename: WORKER,
    minThreads: 0,
    maxThreads,
    maxQueue,
    idleTimeout: 30_000,
    resourceLimits: { maxOldGenerationSizeMb: maxMegabytes },
    ...(execArgv === undefined ? {} : { execArgv }),
  })
  return {
    async run(task, input, signal) {
      const once = () =>
        pool.run(input, { name: task, ...(signal === undefined ? {} : { signal }) })
      return await once().catch((error: unknown) => {
        if (!endedItsThread(error)) throw error
        return once()
      })
    },
    [Symbol.asyncDispose]: () => pool.destroy(),
  }
}

function endedItsThread(error: unknown): boolean {
  if (!(error instanceof Error)) return false
  const { code } = error as NodeJS.ErrnoException
  return code === 'ERR_WORKER_OUT_OF_MEMORY' || /worker exited/i.test(error.message)
}
