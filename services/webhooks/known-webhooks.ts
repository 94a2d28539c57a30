import { loggedType } from '../../domain/custom/events.ts'
import { type WebhookEvent, webhooksEvents } from '../../domain/webhooks/events.ts'
import {
  isKnown,
  type KnownWebhook,
  type WebhookState,
  webhook,
} from '../../domain/webhooks/webhook.ts'
import type { WebhookKey } from '../ports/delivery-ledger.ts'
import type { EventStore, Position, RecordedEvent } from '../ports/event-store.ts'

export type FollowedWebhook = {
  readonly key: WebhookKey
  readonly registeredAt: Position
  readonly state: WebhookState
}

const { WebhookDeliveryParked: _fact, ...ownStream } = webhooksEvents
const LIFECYCLE: readonly string[] = Object.keys(ownStream)

/** Every webhook of every tenant as the log tells it, not a read model: a pause counts at once. */
export class KnownWebhooks {
  readonly #webhooks = new Map<string, FollowedWebhook>()
  #through: Position = 0n

  /** @returns the position up to which the log was read. */
  async load(events: EventStore): Promise<Position> {
    const head = await events.head()
    for await (const event of events.readAll({ types: LIFECYCLE })) this.apply(event)
    return head
  }

  all(): readonly FollowedWebhook[] {
    return [...this.#webhooks.values()]
  }

  /** @returns the webhook that the event changed; undefined when it is no such event, or is known. */
  apply(event: RecordedEvent): FollowedWebhook | undefined {
    if (event.position <= this.#through || !LIFECYCLE.includes(event.type)) return undefined
    this.#through = event.position
    if (event.fault !== undefined) return undefined
    const before = this.#webhooks.get(event.stream)
    const { type, data, tenantId, position } = event
    const state = webhook.evolve(before?.state ?? webhook.initial, { type, data } as WebhookEvent)
    const key = before?.key ?? { tenantId, webhookId: String(data.webhookId) }
    const after = { key, registeredAt: before?.registeredAt ?? position, state }
    this.#webhooks.set(event.stream, after)
    return after
  }

  /** What the log knows events by that one of the webhooks wants or that change one; undefined = all. */
  types(): readonly string[] | undefined {
    const wanted = this.all().flatMap(({ state }) => enabledIn(state)?.types ?? [])
    const wantsAll = this.all().some(({ state }) => enabledIn(state)?.types.length === 0)
    return wantsAll ? undefined : [...new Set([...LIFECYCLE, ...wanted.map(loggedType)])].sort()
  }
}

/** @returns undefined unless events are sent to it. */
export function enabledIn(state: WebhookState): KnownWebhook | undefined {
  return isKnown(state) && state.status === 'enabled' ? state : undefined
}
