import type { Test } from 'tap'
import {
  createPostgresEventStore,
  type PostgresEventStoreDeps,
} from '../../../../infra/eventstore/postgres/store.ts'
import { createPool } from '../../../../infra/postgres/pool.ts'
import type { EventStore } from '../../../../services/ports/event-store.ts'
import { silent } from '../../../../services/ports/logger.ts'
import { noMetrics } from '../../../../services/ports/metrics.ts'
import { freshDatabase } from '../../../support/database.ts'
import { createTestCodec } from '../../../support/event-store-contract/scene.ts'

/** A store on the database at `url`, as one process has it. */
export function openStore(
  t: Test,
  url: string,
  options: Pick<PostgresEventStoreDeps, 'timeouts'> = {},
): EventStore {
  const pool = createPool(url, { max: 4 })
  const codec = createTestCodec()
  const store = createPostgresEventStore({
    pool,
    codec,
    logger: silent,
    metrics: noMetrics,
    ...options,
  })
  t.teardown(async () => {
    await store[Symbol.asyncDispose]()
    await pool.end()
  })
  return store
}

/** Stores on one fresh database, each with connections of its own. */
export async function openStores<Count extends 1 | 2 | 3>(
  t: Test,
  count: Count,
): Promise<readonly [EventStore, EventStore, EventStore]> {
  const { appUrl } = await freshDatabase(t)
  const stores = Array.from({ length: count }, () => openStore(t, appUrl))
  const [first = openStore(t, appUrl)] = stores
  return [first, stores[1] ?? first, stores[2] ?? first]
}
