import t from 'tap'
import { webhooks } from '../../../projections/webhooks/webhooks.ts'
import { eventMeta } from '../../support/event-meta.ts'

const meta = eventMeta()
const webhookId = '11111111-1111-4111-8111-111111111111'
const at = { tenant_id: 'acme', webhook_id: webhookId }
const now = '2026-01-02T03:04:05.000Z'

t.test('a registered webhook is a row that names no secret', async (t) => {
  const data = {
    ...{ webhookId, name: 'Bot', url: 'https://hooks.example.org/', types: ['ServerInstalled'] },
    ...{ secretId: '22222222-2222-4222-8222-222222222222', registeredAt: now },
  }
  const changes = webhooks.changes.WebhookRegistered?.({ type: 'WebhookRegistered', data }, meta)
  t.match(changes, [{ table: 'webhooks', put: { ...at, status: 'enabled', url: data.url } }])
  t.notMatch(JSON.stringify(changes), data.secretId)
})

t.test('why it was disabled is shown until it is resumed', async (t) => {
  const data = { webhookId, code: 'gone', cause: 'It answered 410.', disabledAt: now } as const
  t.same(webhooks.changes.WebhookDisabled?.({ type: 'WebhookDisabled', data }, meta), [
    {
      ...{ table: 'webhooks', at },
      patch: { status: 'disabled', disabled_code: 'gone', disabled_cause: 'It answered 410.' },
    },
  ])
  const resumed = { type: 'WebhookResumed', data: { webhookId, resumedAt: now } } as const
  t.same(webhooks.changes.WebhookResumed?.(resumed, meta), [
    {
      table: 'webhooks',
      at,
      patch: { status: 'enabled', disabled_code: null, disabled_cause: null },
    },
  ])
})

t.test('a removed webhook leaves no row', async (t) => {
  const removed = { type: 'WebhookRemoved', data: { webhookId, removedAt: now } } as const
  t.same(webhooks.changes.WebhookRemoved?.(removed, meta), [{ table: 'webhooks', remove: at }])
})
