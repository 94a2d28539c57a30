import t, { type Test } from 'tap'
import type { EventCodec } from '../../../../infra/eventstore/codec.ts'
import { createPostgresEventStore } from '../../../../infra/eventstore/postgres/store.ts'
import { createPool } from '../../../../infra/postgres/pool.ts'
import type { EventStore } from '../../../../services/ports/event-store.ts'
import { silent } from '../../../../services/ports/logger.ts'
import { noMetrics } from '../../../../services/ports/metrics.ts'
import { freshDatabase } from '../../../support/database.ts'
import { eventStoreContract } from '../../../support/event-store-contract.ts'

t.test('the Postgres event store keeps the contract', (t) => eventStoreContract(t, makeStore))

async function makeStore(t: Test, codec: EventCodec): Promise<EventStore> {
  const { appUrl } = await freshDatabase(t)
  const pool = createPool(appUrl)
  const store = createPostgresEventStore({ pool, codec, logger: silent, metrics: noMetrics })
  t.teardown(async () => {
    await store[Symbol.asyncDispose]()
    await pool.end()
  })
  return store
}
