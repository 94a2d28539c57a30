import { availableParallelism } from 'node:os'
import { createWorkerPool } from '../../infra/workers/pool.ts'
import { analyticsRoutes } from '../analytics/routes.ts'
import type { Context, Platform } from './platform.ts'

const MAX_THREADS = 4

/** Numbers about uses, computed off the main thread. */
export function composeAnalytics({ db, now, owned, store }: Platform): Context {
  const maxThreads = Math.min(MAX_THREADS, Math.max(1, availableParallelism() - 1))
  const workers = owned.use('worker threads', createWorkerPool({ maxThreads }))
  return {
    routes: [{ role: 'api', plugin: analyticsRoutes({ store, db, workers, now }) }],
    parts: [],
  }
}
