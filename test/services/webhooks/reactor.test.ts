import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { RETRY_WINDOW_MS } from '../../../domain/webhooks/retry-schedule.ts'
import { toCloudEvent } from '../../../services/kernel/cloud-event.ts'
import { waitFor } from '../../support/wait-for.ts'
import { startReceiver } from '../../support/webhook-receiver.ts'
import { webhookWorld } from '../../support/webhook-world.ts'

const HOUR = 3_600_000
const USAGE = { types: ['UsageTracked'] }

t.test('every event arrives once, signed, as the envelope that the log shows', async (t) => {
  const world = await webhookWorld(t)
  const receiver = await startReceiver(t)
  await world.happen(3)
  const { secret, path } = await world.register(receiver.url)
  world.start()
  const ids = await world.happen(200)
  await waitFor('all messages', () => receiver.taken.length >= 200)
  t.same([...receiver.taken].sort(), [...ids].sort(), 'what happened before it is not sent')

  const [message] = receiver.messages
  t.equal(message?.headers['webhook-id'], message?.event.id)
  t.match(message?.headers['content-type'], /^application\/cloudevents\+json/)
  t.same(new Webhook(secret).verify(message?.body ?? '', message?.headers ?? {}), message?.event)
  t.throws(() => new Webhook(secret).verify(`${message?.body} `, message?.headers ?? {}))
  const position = BigInt(message?.event.position ?? 0)
  for await (const event of world.store.readAll({ from: position - 1n, limit: 1 }))
    t.same(message?.event, JSON.parse(JSON.stringify(toCloudEvent(event))))
  const recorded = await waitFor('the records', async () => {
    const items = await world.deliveries(path)
    return items.every(({ state }) => state === 'delivered') && items
  })
  t.match(recorded[0], {
    attempts: 1,
    replays: 0,
    lastAttempt: { outcome: 'delivered', status: 204 },
  })
})

t.test('a message that fails is sent again under the same id until it is taken', async (t) => {
  const world = await webhookWorld(t)
  const receiver = await startReceiver(t)
  receiver.answer((response) => response.writeHead(500).end('out of order'))
  const { path } = await world.register(receiver.url, USAGE)
  world.start()
  const [id] = await world.happen(1)
  await waitFor('the first attempt', () => receiver.messages.length === 1)
  const owed = await waitFor('its record', async () =>
    (await world.deliveries(path, 'owed')).find(({ attempts }) => attempts === 1),
  )
  t.match(owed, { lastAttempt: { outcome: 'refused', status: 500, answer: 'out of order' } })
  world.pass(10_000)
  await waitFor('the second', () => receiver.messages.length === 2)
  receiver.answer(undefined)
  world.pass(60_000)
  await waitFor('the third', () => receiver.taken.length === 1)
  t.same(new Set(receiver.messages.map(({ headers }) => headers['webhook-id'])), new Set([id]))
  const times = receiver.messages.map(({ headers }) => Number(headers['webhook-timestamp']))
  t.ok(
    times.every((time, index) => index === 0 || time > (times[index - 1] ?? 0)),
    'own timestamps',
  )
})

t.test('a receiver that hangs holds up nobody else, and its call ends', async (t) => {
  const world = await webhookWorld(t, {
    timeoutMs: 500,
    limits: { calls: 2, troubledCalls: 1, callsPerWebhook: 2 },
  })
  const stuck = await startReceiver(t)
  stuck.answer(() => {})
  const healthy = await startReceiver(t)
  const { path } = await world.register(stuck.url, USAGE)
  await world.register(healthy.url, USAGE)
  world.start()
  await world.happen(20)
  await waitFor('the healthy one', () => healthy.taken.length === 20)
  t.ok(stuck.messages.length < 20)
  await waitFor('the timeout', async () =>
    (await world.deliveries(path)).some(({ lastAttempt }) => lastAttempt?.outcome === 'timeout'),
  )
})

t.test('a redirect is a failure and leads nowhere', async (t) => {
  const world = await webhookWorld(t)
  const elsewhere = await startReceiver(t)
  const receiver = await startReceiver(t)
  receiver.answer((response) => response.writeHead(307, { location: elsewhere.url }).end())
  const { path } = await world.register(receiver.url, USAGE)
  world.start()
  await world.happen(1)
  const [failed] = await waitFor('the attempt', async () => {
    const items = await world.deliveries(path, 'owed')
    return items[0]?.attempts === 1 && items
  })
  t.match(failed, { lastAttempt: { outcome: 'refused', status: 307 } })
  t.same(elsewhere.messages, [])
})

t.test('410 disables the webhook; resumed, it is sent what happened meanwhile', async (t) => {
  const world = await webhookWorld(t)
  const receiver = await startReceiver(t)
  receiver.answer((response) => response.writeHead(410).end())
  const { path } = await world.register(receiver.url, USAGE)
  world.start()
  const first = await world.happen(1)
  await waitFor('it to be disabled', async () => {
    const { status } = await world.send('GET', path)
    return status === 'disabled'
  })
  t.match(await world.send('GET', path), { disabled: { code: 'gone' } })
  const second = await world.happen(1)
  world.pass(48 * HOUR)
  receiver.answer(undefined)
  await world.send('PATCH', path, { enabled: true })
  await waitFor('both', () => receiver.taken.length === 2)
  t.same([...receiver.taken].sort(), [...first, ...second].sort())
  t.equal(receiver.messages.length, 3, 'nothing was sent while it was disabled')
})

t.test('a receiver that asks for time gets it, for all of its messages', async (t) => {
  const world = await webhookWorld(t)
  const receiver = await startReceiver(t)
  receiver.answer((response) => response.writeHead(429, { 'retry-after': '600' }).end())
  const { path } = await world.register(receiver.url, USAGE)
  world.start()
  await world.happen(1)
  await waitFor('the refusal to be recorded', async () =>
    (await world.deliveries(path, 'owed')).some(({ attempts }) => attempts === 1),
  )
  receiver.answer(undefined)
  await world.happen(3)
  await waitFor('the news', async () => (await world.deliveries(path, 'owed')).length === 4)
  world.pass(500_000)
  const looked = world.deps.now()
  await waitFor('some turns', () => world.deps.now().getTime() - looked.getTime() > 200)
  t.equal(receiver.messages.length, 1)
  world.pass(110_000)
  await waitFor('all of them', () => receiver.taken.length === 4)
})

t.test('what is not taken for 24 hours is parked once, and replayed on request', async (t) => {
  const world = await webhookWorld(t)
  const receiver = await startReceiver(t)
  const { id, path } = await world.register(receiver.url, USAGE)
  world.start()
  const [fine = ''] = await world.happen(1)
  await waitFor('the first', () => receiver.taken.length === 1)
  receiver.answer((response, { event }) => response.writeHead(event.id === fine ? 204 : 500).end())
  const [bad = ''] = await world.happen(1)
  await waitFor('the failure', () => receiver.messages.length === 2)
  world.pass(RETRY_WINDOW_MS - 60_000)
  await waitFor('a late attempt', () => receiver.messages.length === 3)
  t.same(await world.deliveries(path, 'parked'), [])
  world.pass(61_000)
  const [parked] = await waitFor('it to be parked', async () => {
    const items = await world.deliveries(path, 'parked')
    return items.length > 0 && items
  })
  t.match(parked, { eventId: bad, attempts: 3 })
  const facts = []
  for await (const event of world.store.readAll({ types: ['WebhookDeliveryParked'] }))
    facts.push(event.data)
  t.match(facts, [
    { webhookId: id, eventId: bad, attempts: 3, cause: 'The receiver answered 500.' },
  ])
  t.match(await world.send('GET', path), { deliveries: { owed: 0, parked: 1 }, status: 'enabled' })

  receiver.answer(undefined)
  await world.send('POST', `${path}/replay`, {})
  await waitFor('the replay', () => receiver.taken.includes(bad))
  await world.send('POST', `${path}/replay`, { eventId: fine })
  await waitFor('the other', () => receiver.taken.filter((each) => each === fine).length === 2)
  const delivered = await waitFor('the records', async () => {
    const items = await world.deliveries(path, 'delivered')
    return items.length === 2 && items
  })
  t.same(
    delivered.map(({ replays }) => replays),
    [1, 1],
  )
})

t.test('a part of the log is sent again, also from before the webhook', async (t) => {
  const world = await webhookWorld(t, { limits: { owedPerWebhook: 5 } })
  const receiver = await startReceiver(t)
  const before = await world.happen(30)
  const through = (await world.store.head()).toString()
  const { path } = await world.register(receiver.url, USAGE)
  world.start()
  await world.happen(2)
  await waitFor('the news', () => receiver.taken.length === 2)
  await world.send('POST', `${path}/replay`, { after: '10', through, what: 'all' })
  await waitFor('the part', () => receiver.taken.length >= 22)
  t.same(receiver.taken.slice(2).sort(), before.slice(10).sort())
})

t.test('while the secret changes either one verifies, afterwards the new one alone', async (t) => {
  const world = await webhookWorld(t)
  const receiver = await startReceiver(t)
  const { secret: old, path } = await world.register(receiver.url, USAGE)
  world.start()
  const last = async () => {
    const count = receiver.messages.length
    await world.happen(1)
    await waitFor('a message', () => receiver.messages.length > count)
    return receiver.messages.at(-1) as (typeof receiver.messages)[number]
  }
  const { secret: fresh = '' } = await world.send('POST', `${path}/rotate-secret`, {
    overlapSeconds: 100,
  })
  const both = await waitFor('two signatures', async () => {
    const message = await last()
    return message.headers['webhook-signature']?.includes(' ') === true && message
  })
  t.ok(new Webhook(old).verify(both.body, both.headers))
  t.ok(new Webhook(fresh).verify(both.body, both.headers))
  world.pass(101_000)
  const one = await last()
  t.ok(new Webhook(fresh).verify(one.body, one.headers))
  t.throws(() => new Webhook(old).verify(one.body, one.headers), /No matching signature/)
})

t.test('a tenant is told of its own events only, and never of what webhooks cause', async (t) => {
  const world = await webhookWorld(t)
  const ours = await startReceiver(t)
  const theirs = await startReceiver(t)
  await world.register(ours.url)
  await world.register(theirs.url, {}, 'other')
  await world.register(theirs.url.replace('hook', 'second'), {}, 'other')
  world.start()
  const [mine, yours] = [await world.happen(1), await world.happen(1, 'other')]
  await waitFor('each its own', () => ours.taken.length === 1 && theirs.taken.length === 2)
  t.same(ours.taken, mine)
  t.same(theirs.taken, [...yours, ...yours])
})

t.test('a receiver that is away costs a bounded number of rows, and misses nothing', async (t) => {
  const world = await webhookWorld(t, { limits: { owedPerWebhook: 4 } })
  const receiver = await startReceiver(t)
  receiver.answer((response) => response.writeHead(503).end())
  const { path } = await world.register(receiver.url, USAGE)
  world.start()
  const ids = await world.happen(25)
  await waitFor('four failures', () => receiver.messages.length >= 4)
  t.equal((await world.deliveries(path)).length, 4)
  receiver.answer(undefined)
  world.pass(30_000)
  await waitFor('everything', () => receiver.taken.length === 25)
  t.same([...receiver.taken].sort(), [...ids].sort())
})

t.test('paused it is sent nothing, resumed everything', async (t) => {
  const world = await webhookWorld(t)
  const receiver = await startReceiver(t)
  const { path } = await world.register(receiver.url, USAGE)
  world.start()
  await world.happen(1)
  await waitFor('the first', () => receiver.taken.length === 1)
  const { position = '' } = await world.send('PATCH', path, { enabled: false })
  t.match(await world.send('GET', `${path}?atLeast=${position}`), { status: 'paused' })
  await world.stop()
  world.start()
  await world.happen(5)
  const looked = Date.now()
  await waitFor('some turns', () => Date.now() - looked > 200)
  t.equal(receiver.taken.length, 1)
  await world.send('PATCH', path, { enabled: true })
  await waitFor('the rest', () => receiver.taken.length === 6)
})

t.test('a receiver that takes nothing for 24 hours is disabled', async (t) => {
  const world = await webhookWorld(t)
  const receiver = await startReceiver(t)
  receiver.answer((response) => response.writeHead(500).end())
  const { path } = await world.register(receiver.url, USAGE)
  world.start()
  await world.happen(3)
  await waitFor('three failures', () => receiver.messages.length === 3)
  world.pass(RETRY_WINDOW_MS + 1_000)
  const webhook = await waitFor('the end', async () => {
    const now = await world.send<{ status: string }>('GET', path)
    return now.status === 'disabled' && now
  })
  t.match(webhook, { disabled: { code: 'unresponsive' }, deliveries: { owed: 2, parked: 1 } })
})

t.test('of a removed webhook nothing stays', async (t) => {
  const world = await webhookWorld(t)
  const receiver = await startReceiver(t)
  receiver.answer((response) => response.writeHead(500).end())
  const { path } = await world.register(receiver.url, USAGE)
  world.start()
  await world.happen(3)
  await waitFor('a failure', () => receiver.messages.length > 0)
  await world.send('DELETE', path)
  await waitFor('its rows to go', async () => {
    const { rows } = await world.pool.query(
      `select (select count(*) from ops.webhook_deliveries) + (select count(*) from ops.secrets)
        + (select count(*) from ops.webhook_progress) as left`,
    )
    return rows[0].left === 0n
  })
})
