import type { Static } from 'typebox'
import { v4 as randomUuid } from 'uuid'
import { webhookStream } from '../../domain/webhooks/webhook.ts'
import type { WebhookTest } from '../kernel/webhook-messages.ts'
import type { WebhookKey } from '../ports/delivery-ledger.ts'
import type { AppendContext } from '../ports/event-store.ts'

export function testEvent(
  { tenantId, webhookId }: WebhookKey,
  { actorId, correlationId, causationId }: AppendContext,
  now: Date,
): Static<typeof WebhookTest> {
  return {
    specversion: '1.0',
    id: randomUuid(),
    source: '/tidemark/webhooks',
    type: 'WebhookTest',
    subject: webhookStream(tenantId, webhookId),
    time: now.toISOString(),
    datacontenttype: 'application/json',
    tenantid: tenantId,
    actorid: actorId,
    correlationid: correlationId,
    causationid: causationId,
    schemaversion: 1,
    streamrevision: '0',
    position: '0',
    data: { webhookId },
  }
}
