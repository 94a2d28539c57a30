import t, { type Test } from 'tap'
import { createNatsMessageBus } from '../../../infra/nats/message-bus.ts'
import { type RelayOptions, runRelay } from '../../../infra/nats/relay.ts'
import { silent } from '../../../services/ports/logger.ts'
import type { MessageBus } from '../../../services/ports/message-bus.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { type FreshNats, freshNats } from '../../support/nats.ts'
import {
  appendUsage,
  track,
  type UsageFixture,
  usageEvents,
  usageFixture,
} from '../../support/usage-projection.ts'
import { waitFor } from '../../support/wait-for.ts'

function busOf(t: Test, { url }: FreshNats): MessageBus {
  const bus = createNatsMessageBus({ url, logger: silent })
  t.teardown(() => bus[Symbol.asyncDispose]())
  return bus
}

/** Relays until the end of the test, or until the function that it returns is called. */
function relay(
  t: Test,
  { store }: UsageFixture,
  bus: MessageBus,
  given: Partial<RelayOptions> = {},
) {
  const stop = new AbortController()
  const deps = { store, bus, logger: silent, metrics: noMetrics, ...given }
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

/** The positions that a durable subscriber receives until the end of the test, as they come. */
function follower(t: Test, bus: MessageBus): number[] {
  const stop = new AbortController()
  const positions: number[] = []
  const options = { durable: 'outside', subjects: ['tidemark.>'], signal: stop.signal }
  const receiving = bus.subscribe({ ...options, maxInFlight: 100 }, async ({ position }) => {
    positions.push(Number(position))
  })
  t.teardown(async () => {
    stop.abort()
    await receiving
  })
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

/** A log of its own with these events: `track` gives other ids each time. */
async function logOf(t: Test, ...services: readonly string[][]): Promise<UsageFixture> {
  const fixture = await usageFixture(t)
  for (const names of services) await track(fixture.store, 's', ...names)
  return fixture
}

for (const [name, events] of [
  ['shorter', 3],
  ['as long', 5],
  ['longer', 9],
] as const)
  t.test(`a bus that another log filled is filled from this one, which is ${name}`, async (t) => {
    const [fixture, other] = [await logOf(t), await logOf(t, ['a', 'b', 'c', 'd', 'e'])]
    const bus = busOf(t, await freshNats(t))
    const stop = relay(t, other, bus)
    await relayed(other, bus)
    await stop()
    const subscriber = follower(t, bus)
    await waitFor('the old events', () => subscriber.length === 5)
    await append(fixture, events)
    let refills = 0
    const metrics = { ...noMetrics, relayRefills: () => void refills++ }
    relay(t, fixture, bus, { metrics })
    await waitFor('the new events', () => subscriber.length === 5 + events)
    t.strictSame(subscriber.slice(5), numbers(events))
    t.equal(refills, 1)
  })

t.test('a log that was set back and went on otherwise is published anew as a whole', async (t) => {
  const nats = await freshNats(t)
  const bus = busOf(t, nats)
  const shared = usageEvents('a', 'b', 'c')
  const [before, after] = [await logOf(t), await logOf(t)]
  for (const { store } of [before, after]) await appendUsage(store, 's', shared)
  await track(before.store, 's', 'lost', 'lost')
  await track(after.store, 's', 'x', 'y', 'z')
  const stop = relay(t, before, bus)
  await relayed(before, bus)
  await stop()
  const subscriber = follower(t, bus)
  relay(t, after, bus)
  await waitFor('all of it', () => subscriber.length >= 11, 20_000)
  t.strictSame(subscriber.slice(5), numbers(6))
})

t.test(
  'two logs on one bus do not empty it by turns: the relay that was first says so',
  async (t) => {
    const nats = await freshNats(t)
    const [one, two] = [await logOf(t, ['a', 'b']), await logOf(t, ['c'])]
    const faults: (string | undefined)[] = []
    relay(t, one, busOf(t, nats), { tell: (fault) => void faults.push(fault) })
    const bus = busOf(t, nats)
    await relayed(one, bus)
    relay(t, two, bus)
    await waitFor('the complaint', () => /Another log/.test(faults.at(-1) ?? ''), 20_000)
    t.equal(await bus.lastPosition(), 1n)
  },
)

t.test(
  'how far the bus is behind shows while the bus is away, and that nothing works',
  async (t) => {
    const fixture = await logOf(t, ['a', 'b'])
    const nats = await freshNats(t)
    const bus = busOf(t, nats)
    const lags: number[] = []
    const states: boolean[] = []
    const faults: (string | undefined)[] = []
    const metrics = {
      ...noMetrics,
      relayAt: (_: bigint, lag: number) => void lags.push(lag),
      relayFailing: (failing: boolean) => void states.push(failing),
    }
    relay(t, fixture, bus, { metrics, tell: (fault) => void faults.push(fault) })
    await waitFor('the end', () => lags.at(-1) === 0 && states.at(-1) === false)
    await nats.kill()
    await append(fixture, 3)
    await waitFor('the truth', () => lags.at(-1) === 3 && states.at(-1) === true, 20_000)
    t.match(faults.at(-1), /message bus/)
    await nats.restart()
    await waitFor('the end', () => lags.at(-1) === 0 && states.at(-1) === false, 20_000)
    t.equal(faults.at(-1), undefined)
  },
)

t.test('a relay whose lease is over publishes nothing, though nobody has told it', async (t) => {
  const fixture = await usageFixture(t)
  const bus = busOf(t, await freshNats(t))
  let isHeld = true
  let begun = 0
  relay(t, fixture, bus, {
    hold: async (signal, work) => {
      begun += 1
      await waitFor('the lease', () => isHeld || signal.aborted)
      await work({ signal, isHeld: () => isHeld && !signal.aborted })
    },
  })
  await track(fixture.store, '1', 'a')
  await relayed(fixture, bus)
  const before = begun
  isHeld = false
  await track(fixture.store, '1', 'b', 'b')
  await waitFor('it to ask for the lease anew', () => begun > before)
  t.equal(await bus.lastPosition(), 1n)
  isHeld = true
  await relayed(fixture, bus)
  t.same(await held(bus, 'after', 3), [1, 2, 3])
})
