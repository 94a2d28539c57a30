import { randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { createWebhookSender } from '../../../infra/webhooks/http-sender.ts'
import { createWebhookCaller } from '../../../services/webhooks/caller.ts'
import { startReceiver } from '../../support/webhook-receiver.ts'
import { webhookWorld } from '../../support/webhook-world.ts'

t.test('a call outside of the subscription', async (t) => {
  const world = await webhookWorld(t, { timeoutMs: 300 })
  const receiver = await startReceiver(t)
  const { id: webhookId, path, secret } = await world.register(receiver.url)
  const key = { tenantId: 'acme', webhookId }
  const caller = createWebhookCaller(world.deps)
  const { signal } = new AbortController()
  const call = (to = key) => caller.call(to, { id: randomUUID() }, signal)

  t.same(await call(), { delivered: true, status: 204 }, 'is signed')
  const [message] = receiver.messages
  t.ok(new Webhook(secret).verify(message?.body ?? '', message?.headers ?? {}))

  receiver.answer((response) => response.writeHead(500).end())
  t.match(await call(), { delivered: false, code: 'webhook-refused', again: true })
  receiver.answer((response) => response.writeHead(302, { location: receiver.url }).end())
  const before = receiver.messages.length
  t.match(await call(), { delivered: false, code: 'webhook-refused', cause: /answered 302/ })
  t.equal(receiver.messages.length, before + 1, 'a redirection is not followed')
  receiver.answer((response) => response.writeHead(410).end())
  t.match(await call(), { again: false }, 'who is gone is not called again')
  receiver.answer(() => {})
  t.match(await call(), { code: 'webhook-timeout', again: true }, 'who hangs is left')

  await using guarded = createWebhookSender({ allowPrivate: false })
  const careful = createWebhookCaller({ ...world.deps, sender: guarded })
  t.match(await careful.call(key, { id: randomUUID() }, signal), {
    ...{ delivered: false, code: 'webhook-address-refused', again: false },
  })
  t.match(await call({ tenantId: 'other', webhookId }), { code: 'webhook-not-found', again: false })
  await world.send('PATCH', path, { enabled: false })
  t.match(await call(), { code: 'webhook-not-enabled', again: false })
})
