import t, { type Test } from 'tap'
import { createNatsMessageBus } from '../../../infra/nats/message-bus.ts'
import { runRelay } from '../../../infra/nats/relay.ts'
import { silent } from '../../../services/ports/logger.ts'
import type { MessageBus } from '../../../services/ports/message-bus.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { type FreshNats, freshNats } from '../../support/nats.ts'
import { track, type UsageFixture, usageFixture } from '../../support/usage-projection.ts'
import { waitFor } from '../../support/wait-for.ts'

function busOf(t: Test, { url }: FreshNats): MessageBus {
  const bus = createNatsMessageBus({ url, logger: silent })
  t.teardown(() => bus[Symbol.asyncDispose]())
  return bus
}

/** Relays until the end of the test, or until the function that it returns is called. */
function relay(t: Test, { store }: UsageFixture, bus: MessageBus) {
  const stop = new AbortController()
  const deps = { store, bus, logger: silent, metrics: noMetrics }
  const ended = runRelay({ ...deps, signal: stop.signal })
  const end = async () => {
    stop.abort()
    await ended
  }
  t.teardown(end)
  return end
}

async function relayed({ store }: UsageFixture, bus: MessageBus): Promise<void> {
  const head = await store.head()
  const reached = () => bus.lastPosition().then((position) => position === head)
  await waitFor('the relay', () => reached().catch(() => false), 30_000)
}

/** Every event on the bus, in its order: the positions, as a fresh subscriber gets them. */
async function held(bus: MessageBus, durable: string, count: number): Promise<number[]> {
  const stop = new AbortController()
  const positions: number[] = []
  const options = { durable, subjects: ['tidemark.>'], maxInFlight: 100, signal: stop.signal }
  const receiving = bus.subscribe(options, async ({ position }) => {
    positions.push(Number(position))
  })
  await waitFor(`${count} messages`, () => positions.length >= count, 30_000)
  stop.abort()
  await receiving
  return positions
}

function numbers(last: number): number[] {
  return Array.from({ length: last }, (_, index) => index + 1)
}

async function append({ store }: UsageFixture, events: number): Promise<void> {
  for (let left = events; left > 0; left -= 100)
    await track(store, `${left}`, ...Array.from({ length: Math.min(left, 100) }, () => 'a'))
}

t.test('the whole log is published in its order, then live', async (t) => {
  const fixture = await usageFixture(t)
  const bus = busOf(t, await freshNats(t))
  await append(fixture, 2_500)
  relay(t, fixture, bus)
  await relayed(fixture, bus)
  await append(fixture, 3)
  await relayed(fixture, bus)
  t.strictSame(await held(bus, 'reader', 2_503), numbers(2_503))
})

t.test('a relay that starts again goes on behind what the bus holds', async (t) => {
  const fixture = await usageFixture(t)
  const bus = busOf(t, await freshNats(t))
  await append(fixture, 10)
  const stop = relay(t, fixture, bus)
  await relayed(fixture, bus)
  await stop()
  await append(fixture, 10)
  relay(t, fixture, bus)
  await relayed(fixture, bus)
  t.strictSame(await held(bus, 'reader', 20), numbers(20))
})

t.test('a bus that lost everything is filled again, also when nothing new happens', async (t) => {
  const fixture = await usageFixture(t)
  const nats = await freshNats(t)
  const bus = busOf(t, nats)
  await append(fixture, 50)
  relay(t, fixture, bus)
  await relayed(fixture, bus)
  await nats.wipe()
  await relayed(fixture, bus)
  t.strictSame(await held(bus, 'reader', 50), numbers(50))
  await append(fixture, 5)
  await relayed(fixture, bus)
  t.strictSame(await held(bus, 'other', 55), numbers(55))
})

t.test('a server that is killed again and again gets every event once, in order', async (t) => {
  const fixture = await usageFixture(t)
  const nats = await freshNats(t)
  const bus = busOf(t, nats)
  relay(t, fixture, bus)
  for (let round = 0; round < 4; round++) {
    const appending = append(fixture, 1_000)
    await waitFor('some of it', () => bus.lastPosition().then((at) => at > round * 1_000), 30_000)
    await nats.kill()
    await appending
    await nats.restart()
    await relayed(fixture, bus)
  }
  t.strictSame(await held(bus, 'reader', 4_000), numbers(4_000))
})

t.test('two relays at once publish every event once, in order', async (t) => {
  const fixture = await usageFixture(t)
  const nats = await freshNats(t)
  const [one, two] = [busOf(t, nats), busOf(t, nats)]
  await append(fixture, 500)
  relay(t, fixture, one)
  relay(t, fixture, two)
  await append(fixture, 1_500)
  await relayed(fixture, one)
  t.strictSame(await held(one, 'reader', 2_000), numbers(2_000))
})

t.test("a bus that holds another log's events is left alone", async (t) => {
  const [fixture, other] = [await usageFixture(t), await usageFixture(t)]
  const bus = busOf(t, await freshNats(t))
  await append(other, 5)
  const stop = relay(t, other, bus)
  await relayed(other, bus)
  await stop()
  const warnings: unknown[] = []
  const logger = { ...silent, warn: ({ err }: { err?: unknown }) => warnings.push(err) }
  const end = new AbortController()
  const { store } = fixture
  const ended = runRelay({ store, bus, logger, metrics: noMetrics, signal: end.signal })
  await waitFor('the complaint', () => warnings.some((each) => /another's/.test(String(each))))
  end.abort()
  await ended
  t.equal(await bus.lastPosition(), 5n)
})
