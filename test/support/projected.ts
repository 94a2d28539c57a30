import type pg from 'pg'
import { createProjector } from '../../infra/projector/projector.ts'
import { createReadFreshness } from '../../infra/projector/read-freshness.ts'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { EventStore } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import type { ReadFreshness } from '../../services/ports/read-freshness.ts'

/** Keeps these read models up to date with the log until teardown. */
export function projected(
  t: { readonly teardown: (stop: () => Promise<void>) => void },
  store: EventStore,
  pool: pg.Pool,
  readModels: readonly AnyReadModel[],
): ReadFreshness {
  const stopping = new AbortController()
  const deps = { pool, store, readModels, logger: silent, metrics: noMetrics }
  const running = createProjector(deps).run(stopping.signal)
  const freshness = createReadFreshness({ pool })
  t.teardown(async () => {
    stopping.abort()
    await running
    await freshness[Symbol.asyncDispose]()
  })
  return freshness
}
