import t, { type Test } from 'tap'
import type { EventCodec } from '../../../infra/eventstore/codec.ts'
import { createEventStoreDbEventStore } from '../../../infra/eventstore/eventstoredb/event-store.ts'
import type { EventStore } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { eventStoreContract } from '../../support/event-store-contract.ts'
import { EventStoreDbDouble } from '../../support/eventstoredb-double/server.ts'

const url = process.env.EVENTSTORE_URL

t.test(
  url === undefined
    ? 'the EventStore contract, on a double of the wire'
    : 'the EventStore contract, on the server at EVENTSTORE_URL',
  async (t) => {
    await eventStoreContract(t, async (t, codec) => {
      if (url !== undefined) return storeAt(t, url, codec)
      const double = await startDouble(t)
      return storeAt(t, double.connectionString, codec)
    })
  },
)

async function startDouble(t: Test): Promise<EventStoreDbDouble> {
  const double = await EventStoreDbDouble.start()
  t.teardown(() => double[Symbol.asyncDispose]())
  return double
}

function storeAt(t: Test, connectionString: string, codec: EventCodec): EventStore {
  const store = createEventStoreDbEventStore({
    connectionString,
    codec,
    logger: silent,
    metrics: noMetrics,
  })
  t.teardown(() => store[Symbol.asyncDispose]())
  return store
}
