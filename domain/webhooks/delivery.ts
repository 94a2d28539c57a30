import { accept, type Decider } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { WebhookDeliveryEvent } from './events.ts'

// One event on its way to one webhook, as far as it is worth a fact: that Tidemark gave up.
// A stream of its own, so that a receiver that refuses many does not make the webhook's long.

export function deliveryStream(tenantId: string, webhookId: string, eventId: string): string {
  return streamName('delivery', tenantId, `${webhookId}.${eventId}`)
}

export type ParkDelivery = {
  readonly type: 'ParkDelivery'
  readonly webhookId: string
  readonly eventId: string
  readonly eventType: string
  readonly position: string
  readonly round: number
  readonly attempts: number
  readonly firstAttemptAt: string
  readonly cause: string
  readonly now: string
}

/** The round in which it was given up last; undefined before the first. */
export type DeliveryState = { readonly parkedIn: number | undefined }

export const delivery: Decider<DeliveryState, ParkDelivery, WebhookDeliveryEvent, never> = {
  initial: { parkedIn: undefined },

  decide({ parkedIn }, { type: _type, now, ...parked }) {
    if (parkedIn !== undefined && parkedIn >= parked.round) return accept()
    return accept({ type: 'WebhookDeliveryParked', data: { ...parked, parkedAt: now } })
  },

  evolve: (_state, { data }) => ({ parkedIn: data.round }),
}
