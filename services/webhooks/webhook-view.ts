import { type Static, Type } from 'typebox'
import type { WebhookRow } from '../../projections/webhooks/webhooks.ts'
import type { Backlog, Delivery } from '../ports/delivery-ledger.ts'

const instant = Type.String({ format: 'date-time' })
const count = Type.Integer({ minimum: 0 })
export const webhookId = Type.String({ format: 'uuid' })
export const position = Type.String({
  description: 'position of the command in the log, decimal',
})
export const secret = Type.String({
  description: 'signs every message: shown now and never again',
})

const webhook = {
  webhookId,
  name: Type.String(),
  url: Type.String(),
  types: Type.Array(Type.String(), { description: 'none = all event types' }),
  status: Type.Enum(['enabled', 'paused', 'disabled']),
  disabled: Type.Optional(
    Type.Object(
      { code: Type.Enum(['gone', 'unresponsive']), cause: Type.String() },
      { description: 'what the receiver did' },
    ),
  ),
  registeredAt: instant,
  secretRotatedAt: Type.Optional(instant),
  previousSecretUntil: Type.Optional(instant),
}

export const Webhook = Type.Object(webhook)

export const WebhookDetail = Type.Object({
  ...webhook,
  deliveries: Type.Object({
    owed: count,
    oldestOwedAt: Type.Optional(instant),
    parked: count,
    lastDeliveredAt: Type.Optional(instant),
  }),
})

const attempt = {
  at: instant,
  outcome: Type.String({
    description: '`delivered`, `refused`, `timeout`, `unreachable` or `address-refused`',
  }),
  durationMs: count,
  status: Type.Optional(Type.Integer({ description: 'of the answer' })),
  answer: Type.Optional(
    Type.String({ description: 'how the answer begins: text of the receiver' }),
  ),
}

export const AttemptView = Type.Object(attempt)

export const DeliveryView = Type.Object({
  eventId: Type.String({ description: '`webhook-id` of the message' }),
  eventType: Type.String(),
  position: Type.String({ description: 'of the event' }),
  state: Type.Enum(['owed', 'delivered', 'parked']),
  attempts: count,
  replays: count,
  nextAttemptAt: Type.Optional(instant),
  lastAttempt: Type.Optional(AttemptView),
})

export function webhookView(row: WebhookRow): Static<typeof Webhook> {
  const { disabled_code: code, disabled_cause: cause } = row
  return {
    webhookId: row.webhook_id,
    name: row.name,
    url: row.url,
    types: [...row.types],
    status: row.status,
    ...(code === null ? {} : { disabled: { code: code as 'gone', cause: cause ?? '' } }),
    registeredAt: iso(row.registered_at),
    ...(row.secret_rotated_at === null ? {} : { secretRotatedAt: iso(row.secret_rotated_at) }),
    ...(row.previous_secret_until === null
      ? {}
      : { previousSecretUntil: iso(row.previous_secret_until) }),
  }
}

/** @param backlog undefined = nothing was to be sent yet. */
export function webhookDetail(
  row: WebhookRow,
  backlog: Backlog | undefined,
): Static<typeof WebhookDetail> {
  const { oldestOwedAt, lastDeliveredAt } = backlog ?? {}
  return {
    ...webhookView(row),
    deliveries: {
      owed: backlog?.owed ?? 0,
      ...(oldestOwedAt === undefined ? {} : { oldestOwedAt: oldestOwedAt.toISOString() }),
      parked: backlog?.parked ?? 0,
      ...(lastDeliveredAt === undefined ? {} : { lastDeliveredAt: lastDeliveredAt.toISOString() }),
    },
  }
}

export function deliveryView(delivery: Delivery): Static<typeof DeliveryView> {
  const {
    eventId,
    type,
    position: at,
    state,
    attempts,
    round,
    nextAttemptAt,
    lastAttempt,
  } = delivery
  return {
    ...{ eventId, eventType: type, position: at.toString(), state, attempts, replays: round },
    ...(nextAttemptAt === undefined ? {} : { nextAttemptAt: nextAttemptAt.toISOString() }),
    ...(lastAttempt === undefined ? {} : { lastAttempt: attemptView(lastAttempt) }),
  }
}

export function attemptView({
  at,
  durationMs,
  outcome,
  status,
  answer,
}: NonNullable<Delivery['lastAttempt']>): Static<typeof AttemptView> {
  return {
    ...{ at: at.toISOString(), outcome, durationMs },
    ...(status === undefined ? {} : { status }),
    ...(answer === '' ? {} : { answer }),
  }
}

function iso(instantValue: Date | string): string {
  return new Date(instantValue).toISOString()
}
