import type { Kysely, Selectable } from 'kysely'
import type { EventMeta } from '../../domain/kernel/event.ts'
import type { WebhookEvent } from '../../domain/webhooks/events.ts'
import type { Change, ReadModel } from '../kernel/read-model.ts'

// Every webhook that is registered, one row each. What is owed to it is not here but in the
// ledger of deliveries: that is no fact.

export interface WebhooksTables {
  webhooks: {
    tenant_id: string
    webhook_id: string
    name: string
    url: string
    /** Empty = all event types. */
    types: readonly string[]
    status: 'enabled' | 'paused' | 'disabled'
    /** Why it is disabled. */
    disabled_code: string | null
    disabled_cause: string | null
    registered_at: Date | string
    secret_rotated_at: Date | string | null
    /** Until then the secret before signs, too. */
    previous_secret_until: Date | string | null
  }
}

export type WebhookRow = Selectable<WebhooksTables['webhooks']>

type Patch = Extract<Change<WebhooksTables>, { readonly patch: unknown }>['patch']

function patch({ tenantId }: EventMeta, webhookId: string, columns: Patch) {
  const at = { tenant_id: tenantId, webhook_id: webhookId }
  return [{ table: 'webhooks' as const, at, patch: columns }]
}

const NOT_DISABLED = { disabled_code: null, disabled_cause: null }

export const webhooks: ReadModel<WebhookEvent, WebhooksTables> = {
  name: 'webhooks',
  version: 1,
  keys: { webhooks: ['tenant_id', 'webhook_id'] },
  changes: {
    WebhookRegistered: ({ data }, { tenantId }) => [
      {
        table: 'webhooks',
        put: {
          tenant_id: tenantId,
          webhook_id: data.webhookId,
          name: data.name,
          url: data.url,
          types: data.types,
          status: 'enabled',
          ...NOT_DISABLED,
          registered_at: data.registeredAt,
          secret_rotated_at: null,
          previous_secret_until: null,
        },
      },
    ],
    WebhookChanged: ({ data: { webhookId, name, url, types } }, meta) =>
      patch(meta, webhookId, { name, url, types }),
    WebhookPaused: ({ data }, meta) => patch(meta, data.webhookId, { status: 'paused' }),
    WebhookResumed: ({ data }, meta) =>
      patch(meta, data.webhookId, { status: 'enabled', ...NOT_DISABLED }),
    WebhookDisabled: ({ data }, meta) =>
      patch(meta, data.webhookId, {
        status: 'disabled',
        disabled_code: data.code,
        disabled_cause: data.cause,
      }),
    WebhookSecretRotated: ({ data }, meta) =>
      patch(meta, data.webhookId, {
        secret_rotated_at: data.rotatedAt,
        previous_secret_until: data.previousUntil,
      }),
    WebhookRemoved: ({ data }, { tenantId }) => [
      { table: 'webhooks', remove: { tenant_id: tenantId, webhook_id: data.webhookId } },
    ],
  },
}

/** By id. @param page `after`: exclusive. */
export function listWebhooks(
  db: Kysely<WebhooksTables>,
  tenantId: string,
  { after, limit }: { readonly after?: string | undefined; readonly limit: number },
): Promise<WebhookRow[]> {
  return db
    .selectFrom('webhooks')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .$if(after !== undefined, (query) => query.where('webhook_id', '>', after ?? ''))
    .orderBy('webhook_id')
    .limit(limit)
    .execute()
}

export function findWebhook(
  db: Kysely<WebhooksTables>,
  tenantId: string,
  webhookId: string,
): Promise<WebhookRow | undefined> {
  return db
    .selectFrom('webhooks')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .where('webhook_id', '=', webhookId)
    .executeTakeFirst()
}
