import type pg from 'pg'
import { createProjector } from '../../infra/projector/projector.ts'
import { createReadFreshness } from '../../infra/projector/read-freshness.ts'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { EventStore } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import type { ReadFreshness } from '../../services/ports/read-freshness.ts'

type Deps = Parameters<typeof createProjector>[0]
type Scope = { readonly teardown: (stop: () => Promise<void>) => void }

/** Runs a projector until teardown, or until the function that it returns is called. */
export function runProjector(
  t: Scope,
  deps: Pick<Deps, 'pool' | 'store' | 'readModels'> & Partial<Deps>,
): () => Promise<void> {
  const stop = new AbortController()
  const ended = createProjector({ logger: silent, metrics: noMetrics, ...deps }).run(stop.signal)
  const end = async () => {
    stop.abort()
    await ended
  }
  t.teardown(end)
  return end
}

/** Keeps these read models up to date with the log until teardown. */
export function projected(
  t: Scope,
  store: EventStore,
  pool: pg.Pool,
  readModels: readonly AnyReadModel[],
): ReadFreshness {
  runProjector(t, { pool, store, readModels })
  const freshness = createReadFreshness({ pool })
  t.teardown(async () => {
    await freshness[Symbol.asyncDispose]()
  })
  return freshness
}
