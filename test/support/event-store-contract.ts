import type { Test } from 'tap'
import type { EventCodec } from '../../infra/eventstore/codec.ts'
import type { EventStore } from '../../services/ports/event-store.ts'
import { appendingContract } from './event-store-contract/appending.ts'
import { concurrencyContract } from './event-store-contract/concurrency.ts'
import { followingContract } from './event-store-contract/following.ts'
import { readingContract } from './event-store-contract/reading.ts'
import { retryContract } from './event-store-contract/retrying.ts'
import { createTestCodec } from './event-store-contract/scene.ts'

/**
 * What every event store promises, as tests. The store may hold other events; each test has a
 * tenant of its own.
 *
 * @param makeStore makes the store under test around `codec`, and closes it at `t`'s teardown.
 */
export async function eventStoreContract(
  t: Test,
  makeStore: (t: Test, codec: EventCodec) => Promise<EventStore>,
): Promise<void> {
  const codec = createTestCodec()
  const store = await makeStore(t, codec)
  await t.test('appending', (t) => appendingContract(t, store, codec.encoded))
  await t.test('retrying', (t) => retryContract(t, store))
  await t.test('reading', (t) => readingContract(t, store))
  await t.test('concurrency', (t) => concurrencyContract(t, store))
  await t.test('following', (t) => followingContract(t, store))
}
