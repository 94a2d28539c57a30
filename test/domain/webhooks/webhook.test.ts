import t from 'tap'
import { accept } from '../../../domain/kernel/decider.ts'
import type { WebhookEvent } from '../../../domain/webhooks/events.ts'
import { isKnown, signingSecrets, webhook } from '../../../domain/webhooks/webhook.ts'
import { given } from '../../support/given.ts'

const history = given(webhook)
const webhookId = '11111111-1111-4111-8111-111111111111'
const [first, second, third] = ['a', 'b', 'c'].map(
  (each) => `${each.repeat(8)}-1111-4111-8111-111111111111`,
) as [string, string, string]
const now = '2026-01-02T03:04:05.000Z'
const later = '2026-01-03T03:04:05.000Z'
const settings = { name: 'Bot', url: 'https://hooks.example.org/', types: ['ServerInstalled'] }
const change = { type: 'ChangeWebhook', webhookId, now } as const
const registered = {
  type: 'WebhookRegistered',
  data: { webhookId, ...settings, secretId: first, registeredAt: now },
} as const
const paused = { type: 'WebhookPaused', data: { webhookId, pausedAt: now } } as const
const resumed = { type: 'WebhookResumed', data: { webhookId, resumedAt: now } } as const
const removed = { type: 'WebhookRemoved', data: { webhookId, removedAt: now } } as const
const disable = {
  ...({ type: 'DisableWebhook', webhookId, code: 'gone', cause: 'It answered 410.', now } as const),
}
const disabled = {
  type: 'WebhookDisabled',
  data: { webhookId, code: 'gone', cause: 'It answered 410.', disabledAt: now },
} as const
const rotated = (secretId: string, previousUntil: string) =>
  ({
    type: 'WebhookSecretRotated',
    data: { webhookId, secretId, previousUntil, rotatedAt: now },
  }) as const

t.test('it is registered once', async (t) => {
  const command = { type: 'RegisterWebhook', webhookId, ...settings, secretId: first, now } as const
  t.same(history().when(command), accept(registered))
  t.match(history(registered).when(command), { rejection: { code: 'webhook-exists' } })
})

t.test(
  'a change names everything that holds now; one that changes nothing is no event',
  async (t) => {
    const data = { webhookId, ...settings, url: 'https://other.example.org/', changedAt: now }
    t.same(
      history(registered).when({ ...change, url: data.url }),
      accept({ type: 'WebhookChanged', data }),
    )
    t.same(history(registered).when({ ...change, ...settings, enabled: true }), accept())
  },
)

t.test('pausing and resuming are said once', async (t) => {
  t.same(history(registered).when({ ...change, enabled: false }), accept(paused))
  t.same(history(registered, paused).when({ ...change, enabled: false }), accept())
  t.same(history(registered, paused).when({ ...change, enabled: true }), accept(resumed))
  t.same(history(registered, disabled).when({ ...change, enabled: true }), accept(resumed))
  t.same(history(registered, disabled).when({ ...change, enabled: false }), accept())
})

t.test('only one that is enabled can be disabled', async (t) => {
  t.same(history(registered).when(disable), accept(disabled))
  for (const nothing of [[], [registered, paused], [registered, disabled], [registered, removed]])
    t.same(history(...nothing).when(disable), accept())
})

t.test('what is not there cannot be changed', async (t) => {
  const remove = { type: 'RemoveWebhook', webhookId, now } as const
  for (const gone of [history(), history(registered, removed)])
    t.match(gone.when(change), { rejection: { kind: 'not-found', code: 'webhook-not-found' } })
  t.match(history().when(remove), { rejection: { code: 'webhook-not-found' } })
  t.same(history(registered).when(remove), accept(removed))
  t.same(history(registered, removed).when(remove), accept())
})

t.test(
  'the secret before signs until its time is over, and the one before that no more',
  async (t) => {
    const at = (...events: readonly WebhookEvent[]) => {
      const state = events.reduce(webhook.evolve, webhook.initial)
      if (!isKnown(state)) throw new Error('It is known.')
      return (time: string) => signingSecrets(state, new Date(time))
    }
    t.same(at(registered)(now), [first])
    t.same(at(registered, rotated(second, later))(now), [second, first])
    t.same(at(registered, rotated(second, later))(later), [second])
    t.same(at(registered, rotated(second, later), rotated(third, later))(now), [third, second])
  },
)
