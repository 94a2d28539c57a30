import type { Test } from 'tap'
import type { RecordedEvent } from '../../services/ports/event-store.ts'
import {
  type DeliveredMessage,
  type MessageBus,
  MessageBusConflictError,
  MessageBusUnavailableError,
  type PublishedEvent,
  type SubscribeOptions,
} from '../../services/ports/message-bus.ts'
import type { FreshNats } from './nats.ts'
import { recordedEvent, recordedEvents } from './recorded-event.ts'
import { waitFor } from './wait-for.ts'

const ALL = ['tidemark.>']

/** What a bus on a server of any supported version must do. */
export type BusUnderTest = {
  readonly server: (t: Test) => Promise<FreshNats>
  readonly bus: (t: Test, server: FreshNats) => MessageBus
}

/** Messages that a subscription received, and how to end it. */
function receive(
  t: Test,
  bus: MessageBus,
  options: Partial<SubscribeOptions> = {},
  handle: (message: DeliveredMessage) => Promise<void> = async () => {},
) {
  const stop = new AbortController()
  const messages: DeliveredMessage[] = []
  const ended = bus.subscribe(
    { durable: 'test', subjects: ALL, ...options, signal: stop.signal },
    async (message) => {
      messages.push(message)
      await handle(message)
    },
  )
  const end = async () => {
    stop.abort()
    await ended
  }
  t.teardown(end)
  const positions = () => messages.map(({ position }) => Number(position))
  const until = (count: number) =>
    waitFor(`${count} messages`, () => messages.length >= count, 20_000)
  return { messages, positions, until, end }
}

function numbers(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

export function messageBusContract(t: Test, { server, bus }: BusUnderTest): void {
  t.test('an event arrives as a CloudEvent on the subject of its tenant and type', async (t) => {
    const under = bus(t, await server(t))
    const data = { serviceId: 'Zürich 🚆 "%"' }
    const stream = 'usage-acme.日本 "1"%\u{1F686}'
    const event = recordedEvent(7n, { data, stream })
    await under.publish([event])
    const { messages, until } = receive(t, under)
    await until(1)
    t.match(messages[0], {
      subject: 'tidemark.acme.analytics.UsageTracked',
      position: 7n,
      data,
      deliveryCount: 1,
      attributes: {
        specversion: '1.0',
        id: event.eventId,
        type: 'UsageTracked',
        subject: stream,
        time: event.time,
        tenantid: 'acme',
        streamrevision: '6',
      },
    })
  })

  t.test('messages arrive in the order of publication', async (t) => {
    const under = bus(t, await server(t))
    await under.publish(recordedEvents(1, 300))
    await under.publish(recordedEvents(301, 1_500))
    const { positions, until } = receive(t, under, { maxInFlight: 200 })
    await until(1_500)
    t.strictSame(positions(), numbers(1, 1_500))
  })

  t.test('an event that is published again is held once', async (t) => {
    const under = bus(t, await server(t))
    const events = recordedEvents(1, 20)
    await under.publish(events)
    await under.publish(events)
    await under.publish([recordedEvent(21n)])
    const { positions, until } = receive(t, under)
    await until(21)
    t.strictSame(positions(), numbers(1, 21))
  })

  t.test('the newest position is that of the last event held', async (t) => {
    const nats = await server(t)
    const under = bus(t, nats)
    t.equal(await under.lastPosition(), 0n)
    await under.publish(recordedEvents(1, 5), { after: 0n })
    t.equal(await under.lastPosition(), 5n)
    await nats.kill()
    await nats.restart()
    const again = bus(t, nats)
    t.equal(await waitFor('the bus', () => again.lastPosition().catch(() => undefined)), 5n)
    await nats.wipe()
    t.equal(await waitFor('the bus', () => again.lastPosition().catch(() => undefined)), 0n)
  })

  t.test('what is forgotten makes room, and subscribers receive what follows', async (t) => {
    const nats = await server(t)
    const [first, second] = [bus(t, nats), bus(t, nats)]
    t.equal(await first.newest(), undefined)
    const events = recordedEvents(1, 5)
    await first.publish(events)
    const { positions, until } = receive(t, first)
    await until(5)
    const { eventId, position, stream, revision } = events[4] as RecordedEvent
    const newest = { eventId, position, stream, revision }
    t.strictSame(await second.newest(), newest)
    await second.publish(recordedEvents(6, 6))
    await second.forget(newest)
    t.equal(await second.lastPosition(), 6n, 'nothing is forgotten of what nobody knew of')
    await second.forget((await second.newest()) as PublishedEvent)
    t.equal(await second.newest(), undefined)
    await first.publish(recordedEvents(1, 3), { after: 6n }).catch(() => {})
    await first.publish(recordedEvents(1, 3), { after: 0n })
    await until(9)
    t.strictSame(positions(), [1, 2, 3, 4, 5, 6, 1, 2, 3])
    await first.forget((await first.newest()) as PublishedEvent)
    await first.publish(events, { after: 0n })
    await until(14)
    t.strictSame(positions().slice(9), [1, 2, 3, 4, 5], 'also the very events that it held before')
  })

  t.test('a publication that must follow another event than the newest is refused', async (t) => {
    const nats = await server(t)
    const [first, second] = [bus(t, nats), bus(t, nats)]
    await first.publish(recordedEvents(1, 5), { after: 0n })
    await t.rejects(second.publish(recordedEvents(9, 9), { after: 8n }), MessageBusConflictError)
    await second.publish(recordedEvents(6, 6), { after: 5n })
    // What the first one believes is no longer true.
    const stale = first.publish(recordedEvents(60, 69), { after: 5n })
    await t.rejects(stale, MessageBusConflictError)
    t.equal(await first.lastPosition(), 6n, 'none of the batch is held')
    await first.publish(recordedEvents(7, 9), { after: 6n })
    t.equal(await second.lastPosition(), 9n)
  })

  t.test('a message whose handler fails comes again, the others once', async (t) => {
    const under = bus(t, await server(t))
    await under.publish(recordedEvents(1, 5))
    let failures = 0
    const { messages, until } = receive(t, under, {}, async ({ position }) => {
      if (position !== 3n || failures === 2) return
      failures += 1
      throw new Error('not yet')
    })
    await until(7)
    const third = messages.filter(({ position }) => position === 3n)
    t.strictSame(
      third.map(({ deliveryCount }) => deliveryCount),
      [1, 2, 3],
    )
    t.equal(messages.length, 7)
  })

  t.test('with one message in flight a failed one comes again before its successors', async (t) => {
    const under = bus(t, await server(t))
    await under.publish(recordedEvents(1, 5))
    const { positions, until } = receive(t, under, { maxInFlight: 1 }, async (message) => {
      if (message.position === 3n && message.deliveryCount === 1) throw new Error('not yet')
    })
    await until(6)
    t.strictSame(positions(), [1, 2, 3, 3, 4, 5])
  })

  t.test('a long-running handler keeps its message', async (t) => {
    const under = bus(t, await server(t))
    await under.publish(recordedEvents(1, 2))
    const slow = async () => new Promise<void>((resolve) => setTimeout(resolve, 2_500))
    const { positions, end } = receive(t, under, { ackWaitMs: 1_000, maxInFlight: 1 }, slow)
    await waitFor('both', () => positions().length === 2)
    await end()
    const { messages } = receive(t, under)
    await under.publish(recordedEvents(3, 3))
    await waitFor('the third', () => messages.length === 1)
    t.strictSame([positions(), messages.map(({ position }) => position)], [[1, 2], [3n]])
  })

  t.test('subscribers of the same name share the messages', async (t) => {
    const nats = await server(t)
    const [one, two] = [bus(t, nats), bus(t, nats)]
    await one.publish(recordedEvents(1, 1))
    const first = receive(t, one, { maxInFlight: 4 })
    const second = receive(t, two, { maxInFlight: 4 })
    const other = receive(t, two, { durable: 'other' })
    await first.until(0)
    await one.publish(recordedEvents(2, 400))
    await waitFor('all', () => first.messages.length + second.messages.length === 400)
    await other.until(400)
    const shared = [...first.positions(), ...second.positions()].sort((a, b) => a - b)
    t.strictSame(shared, numbers(1, 400))
  })

  t.test('a subscriber gets only its subjects, and goes on where it was', async (t) => {
    const under = bus(t, await server(t))
    const subjects = ['tidemark.acme.*.UsageTracked', 'tidemark.*.identity.TenantCreated']
    const other = recordedEvent(2n, { type: 'ApiKeyRevoked' })
    const foreign = recordedEvent(3n, { tenantId: 'beta' })
    const created = recordedEvent(4n, { tenantId: 'beta', type: 'TenantCreated' })
    await under.publish([recordedEvent(1n), other, foreign, created])
    const first = receive(t, under, { subjects })
    await first.until(2)
    t.strictSame(first.positions().sort(), [1, 4])
    await first.end()
    await under.publish(recordedEvents(5, 6))
    const again = receive(t, under, { subjects })
    await again.until(2)
    t.strictSame(again.positions(), [5, 6])
  })

  t.test('what the server cannot take goes without its data', async (t) => {
    const under = bus(t, await server(t))
    const data = { text: 'x'.repeat(6_000_000) }
    await under.publish([recordedEvent(1n, { data }), recordedEvent(2n, { fault: 'unknown' })])
    await under.publish([recordedEvent(3n, { data: { text: 'é'.repeat(500_000) } })])
    const { messages, until } = receive(t, under)
    await until(3)
    t.match(messages[0], { position: 1n, omitted: 'too-large', data: {} })
    t.match(messages[1], { position: 2n, omitted: 'unreadable', data: {} })
    t.equal(messages[2]?.omitted, undefined)
    t.equal(String(messages[2]?.data.text).length, 500_000, 'an event of 1 MB passes')
  })

  t.test('a killed server is noticed at once; after its return all goes on', async (t) => {
    const nats = await server(t)
    const under = bus(t, nats)
    await under.publish(recordedEvents(1, 50))
    const { positions, until } = receive(t, under)
    await until(50)
    await nats.kill()
    const killed = Date.now()
    await t.rejects(under.publish(recordedEvents(51, 51)), MessageBusUnavailableError)
    await t.rejects(under.lastPosition(), MessageBusUnavailableError)
    t.ok(Date.now() - killed < 4_000, 'without a long wait')
    await nats.restart()
    const publish = () => under.publish(recordedEvents(51, 60)).then(() => true)
    await waitFor('publishing', () => publish().catch(() => false))
    await waitFor('the rest', () => positions().includes(60), 15_000)
    t.strictSame(
      [...new Set(positions())].sort((a, b) => a - b),
      numbers(1, 60),
    )
  })

  t.test('a server that lost its disk is used anew', async (t) => {
    const nats = await server(t)
    const under = bus(t, nats)
    await under.publish(recordedEvents(1, 5))
    const { messages, until } = receive(t, under)
    await until(5)
    await nats.wipe()
    const publish = () => under.publish(recordedEvents(6, 8), { after: 0n }).then(() => true)
    await waitFor('publishing', () => publish().catch(() => false))
    await waitFor('the new ones', () => messages.some(({ position }) => position === 8n), 15_000)
    t.equal(await under.lastPosition(), 8n)
  })

  t.test('without a server nothing hangs', async (t) => {
    const nats = await server(t)
    await nats.kill()
    const under = bus(t, nats)
    await t.rejects(under.lastPosition(), MessageBusUnavailableError)
    const { end } = receive(t, under)
    await end()
    await under[Symbol.asyncDispose]()
  })
}
