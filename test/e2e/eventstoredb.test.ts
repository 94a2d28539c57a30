import t from 'tap'
import { emptyDatabase } from '../support/database.ts'
import { EventStoreDbDouble } from '../support/eventstoredb-double/server.ts'
import { freshNats } from '../support/nats.ts'
import { startTidemark } from '../support/program.ts'
import { waitFor } from '../support/wait-for.ts'
import { startReceiver } from '../support/webhook-receiver.ts'

// The whole program with its log in EventStoreDB, whose positions are bytes and not counts.
t.setTimeout(240_000)

type Events = { readonly items: readonly { type: string }[]; readonly nextAfter: string }

t.test('the log can be in EventStoreDB', async (t) => {
  const double = await EventStoreDbDouble.start()
  t.teardown(async () => double[Symbol.asyncDispose]())
  const database = await emptyDatabase(t)
  const nats = await freshNats(t)
  const { json, stop } = await startTidemark(t, {
    databaseUrl: database.appUrl,
    databaseOwnerUrl: database.ownerUrl,
    natsUrl: nats.url,
    environment: {
      EVENTSTORE_URL: double.connectionString,
      SANDBOX: 'none',
      ALLOW_PRIVATE_WEBHOOKS: '1',
    },
  })

  const added = await waitFor('the starter catalogue', async () => {
    const { items } = await json<Events>('/v1/events?types=RegistrySyncCompleted')
    return items.length > 0 ? items : undefined
  })
  t.equal(added.length, 1)

  const receiver = await startReceiver(t)
  const hook = await json<{ webhookId: string }>('/v1/webhooks', {
    body: { url: receiver.url, types: ['ApiKeyIssued', 'TenantCreated'] },
  })
  const { nextAfter } = await json<Events>('/v1/events?limit=1000')
  const found = await json<{ data: unknown[] }>(
    `/v1/services/search?q=filesystem&atLeast=${nextAfter}`,
  )
  t.ok(found.data.length > 0, 'the starter catalogue is found')

  const issued = await json<{ position: string; keyId: string }>('/v1/keys', {
    body: { name: 'new', scopes: ['audit:read'] },
  })
  t.ok(BigInt(issued.position) > BigInt(nextAfter), 'positions grow')
  const keys = await json<{ items: { keyId: string }[] }>(`/v1/keys?atLeast=${issued.position}`)
  t.ok(keys.items.some(({ keyId }) => keyId === issued.keyId))

  await waitFor('the webhook to be called', () => receiver.taken.length === 1)
  await json(`/v1/webhooks/${hook.webhookId}/replay`, { body: { what: 'all', through: nextAfter } })
  await waitFor('what was before it', () => receiver.taken.length === 3)
  t.same(receiver.messages.map(({ event }) => event.type).sort(), [
    'ApiKeyIssued',
    'ApiKeyIssued',
    'TenantCreated',
  ])

  const after = await json<Events>(`/v1/events?after=${nextAfter}`)
  t.match(after.items[0], { type: 'ApiKeyIssued' })
  await waitFor('the bus to hold everything', async () => {
    const { position } = await json<{ position: string }>('/v1/operations/relay')
    return position === after.nextAfter ? position : undefined
  })
  t.match(await json('/v1/audit/verifications', { method: 'POST' }), { identical: true })
  t.same(await stop(), { code: 0, signal: null })
})
