import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import t, { type Test } from 'tap'
import { RETRY_WINDOW_MS } from '../../../domain/webhooks/retry-schedule.ts'
import { toCloudEvent } from '../../../services/kernel/cloud-event.ts'
import { waitFor } from '../../support/wait-for.ts'
import { startReceiver } from '../../support/webhook-receiver.ts'
import { webhookWorld } from '../../support/webhook-world.ts'

const HOUR = 3_600_000
const USAGE = { types: ['UsageTracked'] }
/** Owed deliveries of one webhook at most. */
const WINDOW = 20

// One process and one clock for all of these tests, a tenant for each. The clock only goes forward:
// the tests whose messages are verified, which must not be from the future, come first.
const world = await webhookWorld(t, { limits: { owedPerWebhook: WINDOW } })
world.start()

/** A tenant of its own with a webhook, which is gone at teardown. */
async function hooked(t: Test, settings: { readonly types?: readonly string[] } = USAGE) {
  const receiver = await startReceiver(t)
  const tenant = world.of(`t-${randomUUID()}`)
  const hook = await tenant.register(receiver.url, settings)
  t.teardown(async () => void (await tenant.send('DELETE', hook.path).catch(() => {})))
  return { ...tenant, ...hook, receiver, status: () => tenant.send('GET', hook.path) }
}

/** Long enough for some turns of every webhook, by the clock that nobody sets. */
async function someTurns() {
  const from = performance.now()
  await waitFor('some turns', () => performance.now() - from > 150)
}

t.test('every event arrives once, signed, as the envelope that the log shows', async (t) => {
  const { receiver, secret, path, happen, deliveries } = await hooked(t, {})
  const ids = await happen(100)
  await waitFor('all messages', () => receiver.taken.length >= ids.length)
  t.same([...receiver.taken].sort(), [...ids].sort())

  const [message] = receiver.messages
  t.equal(message?.headers['webhook-id'], message?.event.id)
  t.match(message?.headers['content-type'], /^application\/cloudevents\+json/)
  t.same(new Webhook(secret).verify(message?.body ?? '', message?.headers ?? {}), message?.event)
  t.throws(() => new Webhook(secret).verify(`${message?.body} `, message?.headers ?? {}))
  const from = BigInt(message?.event.position ?? 0) - 1n
  for await (const event of world.store.readAll({ from, limit: 1 }))
    t.same(message?.event, JSON.parse(JSON.stringify(toCloudEvent(event))))
  const recorded = await waitFor('the records', async () => {
    const items = await deliveries(path)
    return items.every(({ state }) => state === 'delivered') && items
  })
  t.match(recorded[0], { attempts: 1, replays: 0, lastAttempt: { status: 204 } })
})

t.test('while the secret changes either one verifies, afterwards the new one alone', async (t) => {
  const { receiver, secret: old, path, happen, send } = await hooked(t)
  const last = async () => {
    const count = receiver.messages.length
    await happen(1)
    await waitFor('a message', () => receiver.messages.length > count)
    return receiver.messages.at(-1) as (typeof receiver.messages)[number]
  }
  const overlap = { overlapSeconds: 100 }
  const { secret: fresh = '' } = await send('POST', `${path}/rotate-secret`, overlap)
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

t.test('a message that fails is sent again under the same id until it is taken', async (t) => {
  const { receiver, path, happen, deliveries } = await hooked(t)
  receiver.answer((response) => response.writeHead(500).end('out of order'))
  const ids = await happen(1)
  const owed = await waitFor('the first attempt', async () =>
    (await deliveries(path, 'owed')).find(({ attempts }) => attempts === 1),
  )
  t.match(owed, { lastAttempt: { outcome: 'refused', status: 500, answer: 'out of order' } })
  world.pass(10_000)
  await waitFor('the second', () => receiver.messages.length === 2)
  receiver.answer(undefined)
  world.pass(60_000)
  await waitFor('the third', () => receiver.taken.length === 1)
  t.same(new Set(receiver.messages.map(({ headers }) => headers['webhook-id'])), new Set(ids))
  const [first = 0, second = 0, third = 0] = receiver.messages.map(({ headers }) =>
    Number(headers['webhook-timestamp']),
  )
  t.ok(first < second && second < third, 'each attempt has its time')
})

t.test('a redirect is a failure and leads nowhere', async (t) => {
  const { receiver, path, happen, deliveries } = await hooked(t)
  const elsewhere = await startReceiver(t)
  receiver.answer((response) => response.writeHead(307, { location: elsewhere.url }).end())
  await happen(1)
  const failed = await waitFor('the attempt', async () =>
    (await deliveries(path, 'owed')).find(({ attempts }) => attempts === 1),
  )
  t.match(failed, { lastAttempt: { outcome: 'refused', status: 307 } })
  t.same(elsewhere.messages, [])
})

t.test('410 disables the webhook; resumed, it is sent what happened meanwhile', async (t) => {
  const { receiver, path, happen, send, status } = await hooked(t)
  receiver.answer((response) => response.writeHead(410).end())
  const first = await happen(1)
  await waitFor('it to be disabled', async () => (await status()).status === 'disabled')
  t.match(await status(), { disabled: { code: 'gone' } })
  const second = await happen(1)
  world.pass(48 * HOUR)
  receiver.answer(undefined)
  await send('PATCH', path, { enabled: true })
  await waitFor('both', () => receiver.taken.length === 2)
  t.same([...receiver.taken].sort(), [...first, ...second].sort())
  t.equal(receiver.messages.length, 3, 'nothing was sent while it was disabled')
})

t.test('a receiver that asks for time gets it, for all of its messages', async (t) => {
  const { receiver, path, happen, deliveries } = await hooked(t)
  receiver.answer((response) => response.writeHead(429, { 'retry-after': '600' }).end())
  await happen(1)
  await waitFor('the refusal', async () =>
    (await deliveries(path, 'owed')).some(({ attempts }) => attempts === 1),
  )
  receiver.answer(undefined)
  await happen(3)
  await waitFor('the news', async () => (await deliveries(path, 'owed')).length === 4)
  world.pass(500_000)
  await someTurns()
  t.equal(receiver.messages.length, 1)
  world.pass(110_000)
  await waitFor('all of them', () => receiver.taken.length === 4)
})

t.test('what is not taken for 24 hours is parked once, and replayed on request', async (t) => {
  const { receiver, id, path, happen, send, deliveries, status } = await hooked(t)
  const [fine = ''] = await happen(1)
  await waitFor('the first', () => receiver.taken.length === 1)
  receiver.answer((response, { event }) => response.writeHead(event.id === fine ? 204 : 500).end())
  const [bad = ''] = await happen(1)
  await waitFor('the failure', () => receiver.messages.length === 2)
  world.pass(RETRY_WINDOW_MS - 60_000)
  await waitFor('a late attempt', () => receiver.messages.length === 3)
  t.same(await deliveries(path, 'parked'), [])
  world.pass(61_000)
  const [parked] = await waitFor('it to be parked', async () => {
    const items = await deliveries(path, 'parked')
    return items.length > 0 && items
  })
  t.match(parked, { eventId: bad, attempts: 3 })
  const facts = []
  for await (const event of world.store.readAll({ types: ['WebhookDeliveryParked'] }))
    facts.push(event.data)
  t.match(facts, [
    { webhookId: id, eventId: bad, attempts: 3, cause: 'The receiver answered 500.' },
  ])
  t.match(await status(), { deliveries: { owed: 0, parked: 1 }, status: 'enabled' })

  receiver.answer(undefined)
  await send('POST', `${path}/replay`, {})
  await waitFor('the replay', () => receiver.taken.includes(bad))
  await send('POST', `${path}/replay`, { eventId: fine })
  await waitFor('the other', () => receiver.taken.filter((each) => each === fine).length === 2)
  const delivered = await waitFor('the records', async () => {
    const items = await deliveries(path, 'delivered')
    return items.length === 2 && items
  })
  t.same(
    delivered.map(({ replays }) => replays),
    [1, 1],
  )
})

t.test('a part of the log is sent again, also from before the webhook', async (t) => {
  const receiver = await startReceiver(t)
  const { register, happen, send } = world.of('replayer')
  const start = await world.store.head()
  const before = await happen(3 * WINDOW)
  const through = (await world.store.head()).toString()
  const { path } = await register(receiver.url, USAGE)
  await happen(2)
  await waitFor('the news', () => receiver.taken.length === 2)
  const after = (start + 10n).toString()
  await send('POST', `${path}/replay`, { after, through, what: 'all' })
  await waitFor('the part', () => receiver.taken.length >= before.length - 8)
  t.same(receiver.taken.slice(2).sort(), before.slice(10).sort())
  await send('DELETE', path)
})

t.test('a tenant is told of its own events only, and never of what webhooks cause', async (t) => {
  const ours = await hooked(t, {})
  const theirs = await hooked(t, {})
  const second = await theirs.register(theirs.receiver.url.replace('hook', 'second'))
  const [mine, yours] = [await ours.happen(1), await theirs.happen(1)]
  await waitFor('theirs', () => theirs.receiver.taken.length === 2)
  await waitFor('ours', () => ours.receiver.taken.length === 1)
  await someTurns()
  t.same(ours.receiver.taken, mine)
  t.same(theirs.receiver.taken, [...yours, ...yours])
  await theirs.send('DELETE', second.path)
})

t.test('a webhook names a type of the tenant’s own as it is shown', async (t) => {
  const { receiver, emit, send, path } = await hooked(t, { types: ['custom.Paid'] })
  await emit('Packed')
  const paid = await emit('Paid')
  await waitFor('the message', () => receiver.messages.length === 1)
  t.match(receiver.messages[0]?.event, { id: paid, type: 'custom.Paid' })
  await t.rejects(send('PATCH', path, { types: ['custom.paid'] }), /unknown-event-type/)
})

t.test('a receiver that is away costs a bounded number of rows, and misses nothing', async (t) => {
  const { receiver, path, happen, deliveries } = await hooked(t)
  receiver.answer((response) => response.writeHead(503).end())
  const ids = await happen(3 * WINDOW)
  await waitFor('failures', () => receiver.messages.length >= WINDOW)
  t.equal((await deliveries(path)).length, WINDOW)
  receiver.answer(undefined)
  world.pass(30_000)
  await waitFor('everything', () => receiver.taken.length === ids.length)
  t.same([...receiver.taken].sort(), [...ids].sort())
})

t.test('paused it is sent nothing, resumed everything, by another process too', async (t) => {
  const { receiver, path, happen, send } = await hooked(t)
  await happen(1)
  await waitFor('the first', () => receiver.taken.length === 1)
  const { position = '' } = await send('PATCH', path, { enabled: false })
  t.match(await send('GET', `${path}?atLeast=${position}`), { status: 'paused' })
  await world.stop()
  world.start()
  await happen(5)
  await someTurns()
  t.equal(receiver.taken.length, 1)
  await send('PATCH', path, { enabled: true })
  await waitFor('the rest', () => receiver.taken.length === 6)
})

t.test('a receiver that takes nothing for 24 hours is disabled', async (t) => {
  const { receiver, happen, status } = await hooked(t)
  receiver.answer((response) => response.writeHead(500).end())
  await happen(3)
  await waitFor('three failures', () => receiver.messages.length === 3)
  world.pass(RETRY_WINDOW_MS + 1_000)
  await waitFor('the end', async () => (await status()).status === 'disabled')
  t.match(await status(), {
    disabled: { code: 'unresponsive' },
    deliveries: { owed: 2, parked: 1 },
  })
})

t.test('of a removed webhook nothing stays', async (t) => {
  const { receiver, id, path, happen, send } = await hooked(t)
  receiver.answer((response) => response.writeHead(500).end())
  await happen(3)
  await waitFor('a failure', () => receiver.messages.length > 0)
  await send('DELETE', path)
  await waitFor('its rows to go', async () => {
    const { rows } = await world.pool.query(
      `select (select count(*) from ops.webhook_deliveries where webhook_id = $1)
        + (select count(*) from ops.secrets where installation_id = $1)
        + (select count(*) from ops.webhook_progress where webhook_id = $1) as left`,
      [id],
    )
    return rows[0].left === 0n
  })
})

t.test('receivers that hang hold up nobody else, and their calls end', async (t) => {
  const narrow = await webhookWorld(t, {
    timeoutMs: 300,
    limits: { calls: 2, troubledCalls: 1, callsPerWebhook: 2 },
  })
  const stuck = await startReceiver(t)
  stuck.answer(() => {})
  const hooks = []
  for (const path of ['one', 'two', 'three'])
    hooks.push(await narrow.register(stuck.url.replace('hook', path), USAGE))
  narrow.start()
  await narrow.happen(1)
  for (const { path } of hooks)
    await waitFor('the timeout', async () =>
      (await narrow.deliveries(path)).some(({ lastAttempt }) => lastAttempt?.outcome === 'timeout'),
    )
  const healthy = await startReceiver(t)
  await narrow.register(healthy.url, USAGE)
  const before = stuck.messages.length
  await narrow.happen(20)
  await waitFor('the healthy one', () => healthy.taken.length === 20)
  const meanwhile = stuck.messages.length - before
  t.ok(meanwhile < 20, `${meanwhile} calls hung meanwhile`)
})
