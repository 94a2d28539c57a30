import type pg from 'pg'
import { createEventCodec, type EventCodec } from '../../infra/eventstore/codec.ts'
import { createPostgresEventStore } from '../../infra/eventstore/postgres/store.ts'
import { createPool } from '../../infra/postgres/pool.ts'
import type { EventStore } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { freshDatabase } from './database.ts'

type Teardown = { readonly teardown: (close: () => Promise<void>) => void }

/** A log of its own for the test, in a migrated database, as the application sees it. */
export async function freshPostgresStore(
  t: Teardown,
  codec: EventCodec = createEventCodec({ now: () => new Date() }),
): Promise<{ readonly store: EventStore; readonly pool: pg.Pool; readonly appUrl: string }> {
  const { appUrl } = await freshDatabase(t)
  const pool = createPool(appUrl)
  const store = createPostgresEventStore({ pool, codec, logger: silent, metrics: noMetrics })
  t.teardown(async () => {
    await store[Symbol.asyncDispose]()
    await pool.end()
  })
  return { store, pool, appUrl }
}
