import type { Test } from 'tap'
import type { EncodedEvent } from '../../../infra/eventstore/codec.ts'
import { createEventStoreDbEventStore } from '../../../infra/eventstore/eventstoredb/event-store.ts'
import type { EventStore } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { createScene, createTestCodec, type Scene } from '../event-store-contract/scene.ts'
import { EventStoreDbDouble } from './server.ts'

export type Stage = Scene & {
  readonly double: EventStoreDbDouble
  /** What was given to the store, by id. */
  readonly encoded: ReadonlyMap<string, EncodedEvent>
  /** As another process has it: it knows nothing of what this one did. */
  readonly anotherStore: () => EventStore
}

/** An empty double and an adapter for it, both gone at teardown. */
export async function createStage(t: Test, callTimeoutMs = 5_000): Promise<Stage> {
  const double = await EventStoreDbDouble.start()
  const codec = createTestCodec()
  const stores: EventStore[] = []
  const anotherStore = () => {
    const store = createEventStoreDbEventStore({
      connectionString: double.connectionString,
      codec,
      logger: silent,
      metrics: noMetrics,
      callTimeoutMs,
    })
    stores.push(store)
    return store
  }
  t.teardown(async () => {
    for (const store of stores) await store[Symbol.asyncDispose]()
    await double[Symbol.asyncDispose]()
  })
  return { ...createScene(anotherStore()), double, encoded: codec.encoded, anotherStore }
}
