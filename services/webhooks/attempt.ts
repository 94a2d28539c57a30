import { delivery, deliveryStream } from '../../domain/webhooks/delivery.ts'
import { nextAttempt } from '../../domain/webhooks/retry-schedule.ts'
import { type KnownWebhook, webhook, webhookStream } from '../../domain/webhooks/webhook.ts'
import { toCloudEvent } from '../kernel/cloud-event.ts'
import { type CommandContext, execute } from '../kernel/execute.ts'
import type { DeliveryLedger, OwedDelivery, WebhookKey } from '../ports/delivery-ledger.ts'
import type { EventStore, RecordedEvent } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { Metrics } from '../ports/metrics.ts'
import { type CallDeps, type Called, call } from './call.ts'

export type AttemptDeps = CallDeps & {
  readonly events: EventStore
  readonly ledger: DeliveryLedger
  readonly metrics: Metrics
  readonly logger: Logger
  /** From 0 up to 1. */
  readonly random: () => number
}

/** What the attempt says about the receiver: fine, ill, to be left alone for now, or disabled. */
export type Verdict = 'well' | 'troubled' | 'leave-alone' | 'disabled'

/**
 * Sends one event once and records what follows: delivered, due again, or parked.
 *
 * A crash before the record repeats the call, under the same id. A call that `signal` ended is
 * as if it had not been.
 *
 * @throws what the store, the ledger or the secrets throw; then nothing is recorded.
 */
export async function attempt(
  deps: AttemptDeps,
  key: WebhookKey,
  webhookNow: KnownWebhook,
  owed: OwedDelivery,
  signal: AbortSignal,
): Promise<Verdict> {
  const { events, ledger, metrics } = deps
  const event = await eventAt(events, owed)
  const called = await call(deps, key, webhookNow, toCloudEvent(event), signal)
  if (signal.aborted && called.attempt.outcome === 'unreachable') return 'leave-alone'
  metrics.webhookCalled(called.attempt.outcome, called.attempt.durationMs / 1_000)
  if (!called.delivered) return failed(deps, key, owed, event, called)
  await ledger.record(key, owed, called.attempt, { state: 'delivered' })
  return 'well'
}

async function eventAt(events: EventStore, owed: OwedDelivery): Promise<RecordedEvent> {
  for await (const event of events.readStream(owed.stream, { from: owed.revision, limit: 1 }))
    if (event.eventId === owed.eventId) return event
  throw new Error(`Event ${owed.eventId} is not in the log any more.`)
}

async function failed(
  deps: AttemptDeps,
  key: WebhookKey,
  owed: OwedDelivery,
  event: RecordedEvent,
  called: Called,
): Promise<Verdict> {
  const { ledger, now, random } = deps
  const { retryAfterMs, attempt: made } = called
  const gone = made.status === 410
  const next = nextAttempt({
    attempts: owed.attempts + 1,
    firstAttemptAt: owed.firstAttemptAt ?? made.at,
    ...{ now: now(), retryAfterMs, random: random() },
  })
  if (next === undefined && !gone) return park(deps, key, owed, event, called)
  await ledger.record(key, owed, made, { state: 'owed', at: next ?? now() })
  if (gone) {
    await disable(deps, key, event, 'gone', 'It answered 410: it wants no more messages.')
    return 'disabled'
  }
  if (retryAfterMs === undefined || next === undefined) return 'troubled'
  await ledger.hold(key, next)
  return 'leave-alone'
}

/** The fact comes before the ledger's row: a crash between them repeats both, and the fact is one. */
async function park(
  deps: AttemptDeps,
  key: WebhookKey,
  owed: OwedDelivery,
  event: RecordedEvent,
  { attempt: made, sentence }: Called,
): Promise<Verdict> {
  const { events, ledger, metrics, logger, now } = deps
  const { eventId, type: eventType, round } = owed
  const firstAttemptAt = owed.firstAttemptAt ?? made.at
  const stream = deliveryStream(key.tenantId, key.webhookId, eventId)
  const command = {
    ...({ type: 'ParkDelivery', webhookId: key.webhookId, eventId, eventType, round } as const),
    position: owed.position.toString(),
    attempts: owed.attempts + 1,
    firstAttemptAt: firstAttemptAt.toISOString(),
    cause: sentence,
    now: now().toISOString(),
  }
  await execute(events, delivery, stream, command, contextOf(key, event))
  await ledger.record(key, owed, made, { state: 'parked' })
  metrics.webhookParked()
  logger.warn({ ...key, eventId, type: eventType }, 'webhook delivery parked')
  return (await disableWhenDead(deps, key, event, firstAttemptAt)) ? 'disabled' : 'troubled'
}

/** A receiver that took nothing for as long as one delivery was tried, of several, is not there. */
async function disableWhenDead(
  deps: AttemptDeps,
  key: WebhookKey,
  event: RecordedEvent,
  since: Date,
): Promise<boolean> {
  const [backlog] = await deps.ledger.backlog(key)
  if (backlog === undefined || backlog.owed === 0) return false
  if (backlog.lastDeliveredAt !== undefined && backlog.lastDeliveredAt >= since) return false
  await disable(deps, key, event, 'unresponsive', 'It took no message for 24 hours.')
  return true
}

async function disable(
  { events, logger, now }: AttemptDeps,
  key: WebhookKey,
  event: RecordedEvent,
  code: 'gone' | 'unresponsive',
  cause: string,
): Promise<void> {
  const { tenantId, webhookId } = key
  const command = {
    type: 'DisableWebhook',
    webhookId,
    code,
    cause,
    now: now().toISOString(),
  } as const
  const stream = webhookStream(tenantId, webhookId)
  await execute(events, webhook, stream, command, contextOf(key, event))
  logger.warn({ ...key, code }, 'webhook disabled')
}

function contextOf({ tenantId }: WebhookKey, event: RecordedEvent): CommandContext {
  return {
    tenantId,
    actorId: 'system:webhooks',
    correlationId: event.correlationId,
    causationId: event.eventId,
  }
}
