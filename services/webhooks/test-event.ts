import type { Static } from 'typebox'
import { v4 as randomUuid } from 'uuid'
import { webhookStream } from '../../domain/webhooks/webhook.ts'
import type { CloudEvent } from '../kernel/cloud-event.ts'
import type { WebhookKey } from '../ports/delivery-ledger.ts'
import type { AppendContext } from '../ports/event-store.ts'

/** Looks like any other message, but never happened: position 0 is before every event. */
export function testEvent(
  { tenantId, webhookId }: WebhookKey,
  { actorId, correlationId, causationId }: AppendContext,
  now: Date,
): Static<typeof CloudEvent> {
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
