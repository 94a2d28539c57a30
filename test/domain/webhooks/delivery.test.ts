import t from 'tap'
import { accept } from '../../../domain/kernel/decider.ts'
import { tenantOfStream } from '../../../domain/kernel/ids.ts'
import { delivery, deliveryStream } from '../../../domain/webhooks/delivery.ts'
import { given } from '../../support/given.ts'

const history = given(delivery)
const now = '2026-01-02T03:04:05.000Z'
const facts = {
  webhookId: '11111111-1111-4111-8111-111111111111',
  eventId: '22222222-2222-4222-8222-222222222222',
  eventType: 'ServerInstalled',
  position: '17',
  round: 0,
  attempts: 13,
  firstAttemptAt: now,
  cause: 'The receiver answered 500.',
}
const parked = { type: 'WebhookDeliveryParked', data: { ...facts, parkedAt: now } } as const
const park = { type: 'ParkDelivery', ...facts, now } as const

t.test('giving up is one fact, however often it is decided', async (t) => {
  t.same(history().when(park), accept(parked))
  t.same(history(parked).when(park), accept())
})

t.test('giving up again after a replay is another fact', async (t) => {
  t.match(history(parked).when({ ...park, round: 1 }), { events: [{ data: { round: 1 } }] })
})

t.test('its stream says whose it is', async (t) => {
  t.equal(tenantOfStream(deliveryStream('acme', facts.webhookId, facts.eventId)), 'acme')
})
