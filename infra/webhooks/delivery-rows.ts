import { type RawBuilder, sql } from 'kysely'
import type {
  Attempt,
  Backlog,
  Delivery,
  DeliveryState,
  EventPlace,
  OwedDelivery,
  WebhookKey,
} from '../../services/ports/delivery-ledger.ts'

// The tables in `ops` as rows, and what the queries have in common.

export function isOf({ tenantId, webhookId }: WebhookKey): RawBuilder<boolean> {
  return sql<boolean>`tenant_id = ${tenantId} and webhook_id = ${webhookId}::uuid`
}

/** What sending an event again makes of its delivery. */
export function owedAgain(now: Date): RawBuilder<unknown> {
  return sql`state = 'owed', round = d.round + 1, attempts = 0, owed_since = ${now},
    first_attempt_at = null, next_attempt_at = ${now}`
}

/** Rows of deliveries that are due now. */
export function rowsOf(
  { tenantId, webhookId }: WebhookKey,
  events: readonly EventPlace[],
  now: Date,
): RawBuilder<unknown> {
  const column = (of: (event: EventPlace) => string) => events.map(of)
  return sql`
    insert into ops.webhook_deliveries as d
      (tenant_id, webhook_id, event_id, position, stream, revision, type, state, owed_since,
       next_attempt_at)
    select ${tenantId}, ${webhookId}::uuid, e.*, 'owed', ${now}::timestamptz, ${now}::timestamptz
    from unnest(
      ${column(({ eventId }) => eventId)}::uuid[],
      ${column(({ position }) => position.toString())}::bigint[],
      ${column(({ stream }) => stream)}::text[],
      ${column(({ revision }) => revision.toString())}::bigint[],
      ${column(({ type }) => type)}::text[]) e`
}

export type DeliveryRow = {
  readonly event_id: string
  readonly position: bigint
  readonly stream: string
  readonly revision: bigint
  readonly type: string
  readonly state: DeliveryState
  readonly round: number
  readonly attempts: number
  readonly first_attempt_at: Date | null
  readonly next_attempt_at: Date | null
  readonly attempted_at: Date | null
  readonly duration_ms: number | null
  readonly outcome: string | null
  readonly status: number | null
  readonly answer: string | null
}

export function owedDelivery(row: DeliveryRow): OwedDelivery {
  const { event_id: eventId, position, stream, revision, type, round, attempts } = row
  const firstAttemptAt = row.first_attempt_at ?? undefined
  return { eventId, position, stream, revision, type, round, attempts, firstAttemptAt }
}

export function deliveryOf(row: DeliveryRow): Delivery {
  const { event_id: eventId, position, type, round, attempts, state } = row
  return {
    ...{ eventId, position, type, round, attempts, state },
    nextAttemptAt: state === 'owed' ? (row.next_attempt_at ?? undefined) : undefined,
    lastAttempt: attemptOf(row),
  }
}

function attemptOf(row: DeliveryRow): Attempt | undefined {
  if (row.attempted_at === null) return undefined
  return {
    at: row.attempted_at,
    durationMs: row.duration_ms ?? 0,
    outcome: row.outcome ?? '',
    status: row.status ?? undefined,
    answer: row.answer ?? '',
  }
}

export type BacklogRow = {
  readonly tenant_id: string
  readonly webhook_id: string
  readonly owed: number
  readonly parked: number
  readonly oldest_owed_at: Date | null
  readonly last_delivered_at: Date | null
}

export function backlogOf(row: BacklogRow): Backlog {
  return {
    tenantId: row.tenant_id,
    webhookId: row.webhook_id,
    owed: row.owed,
    parked: row.parked,
    oldestOwedAt: row.oldest_owed_at ?? undefined,
    lastDeliveredAt: row.last_delivered_at ?? undefined,
  }
}
