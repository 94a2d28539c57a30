import { Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import { firstVersion } from '../kernel/upcast.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.
//
// No signing secret is in here: `secretId` names it in the secret store.

const instant = Type.String({ format: 'date-time' })
const webhookId = Type.String({ format: 'uuid' })
const secretId = Type.String({ format: 'uuid' })
const eventId = Type.String({ format: 'uuid' })
const position = Type.String({ pattern: '^[0-9]{1,19}$', description: 'place in the log' })
const settings = {
  name: Type.String({ maxLength: 200 }),
  url: Type.String({ minLength: 1, maxLength: 2_000 }),
  types: Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
    description: 'event types that are sent; none named = all',
  }),
}

export const WebhookRegisteredV1 = Type.Object(
  { webhookId, ...settings, secretId, registeredAt: instant },
  { $id: 'webhooks.WebhookRegistered.v1', additionalProperties: false },
)

export const WebhookChangedV1 = Type.Object(
  { webhookId, ...settings, changedAt: instant },
  { $id: 'webhooks.WebhookChanged.v1', additionalProperties: false },
)

/** By a person; nothing is sent, and nothing is left out when it is resumed. */
export const WebhookPausedV1 = Type.Object(
  { webhookId, pausedAt: instant },
  { $id: 'webhooks.WebhookPaused.v1', additionalProperties: false },
)

export const WebhookResumedV1 = Type.Object(
  { webhookId, resumedAt: instant },
  { $id: 'webhooks.WebhookResumed.v1', additionalProperties: false },
)

/** By Tidemark, because of what the receiver did. */
export const WebhookDisabledV1 = Type.Object(
  {
    webhookId,
    code: Type.Union([Type.Literal('gone'), Type.Literal('unresponsive')]),
    cause: Type.String({ maxLength: 1_000, description: 'one sentence for a person' }),
    disabledAt: instant,
  },
  { $id: 'webhooks.WebhookDisabled.v1', additionalProperties: false },
)

/** Until `previousUntil` messages carry a signature of the secret before, too. */
export const WebhookSecretRotatedV1 = Type.Object(
  { webhookId, secretId, previousUntil: instant, rotatedAt: instant },
  { $id: 'webhooks.WebhookSecretRotated.v1', additionalProperties: false },
)

/**
 * One event, the parked deliveries of a part of the log, or every event of that part that the
 * webhook wants. A part is what lies after `after`, up to and with `through`.
 */
export const WebhookReplayRequestedV1 = Type.Object(
  {
    webhookId,
    replayId: Type.String({ format: 'uuid' }),
    selection: Type.Union([
      Type.Object({ kind: Type.Literal('event'), eventId }, { additionalProperties: false }),
      Type.Object(
        {
          kind: Type.Union([Type.Literal('parked'), Type.Literal('all')]),
          after: position,
          through: position,
        },
        { additionalProperties: false },
      ),
    ]),
    requestedAt: instant,
  },
  { $id: 'webhooks.WebhookReplayRequested.v1', additionalProperties: false },
)

export const WebhookRemovedV1 = Type.Object(
  { webhookId, removedAt: instant },
  { $id: 'webhooks.WebhookRemoved.v1', additionalProperties: false },
)

/** Every attempt of the retry window failed: it is sent again only when somebody asks for that. */
export const WebhookDeliveryParkedV1 = Type.Object(
  {
    webhookId,
    eventId,
    eventType: Type.String(),
    position,
    round: Type.Integer({ minimum: 0, description: 'how often it had been replayed' }),
    attempts: Type.Integer({ minimum: 1 }),
    firstAttemptAt: instant,
    cause: Type.String({ maxLength: 1_000, description: 'why the last attempt failed' }),
    parkedAt: instant,
  },
  { $id: 'webhooks.WebhookDeliveryParked.v1', additionalProperties: false },
)

export type WebhookEvent =
  | EventOf<'WebhookRegistered', typeof WebhookRegisteredV1>
  | EventOf<'WebhookChanged', typeof WebhookChangedV1>
  | EventOf<'WebhookPaused', typeof WebhookPausedV1>
  | EventOf<'WebhookResumed', typeof WebhookResumedV1>
  | EventOf<'WebhookDisabled', typeof WebhookDisabledV1>
  | EventOf<'WebhookSecretRotated', typeof WebhookSecretRotatedV1>
  | EventOf<'WebhookReplayRequested', typeof WebhookReplayRequestedV1>
  | EventOf<'WebhookRemoved', typeof WebhookRemovedV1>

export type WebhookDeliveryEvent = EventOf<'WebhookDeliveryParked', typeof WebhookDeliveryParkedV1>

export const webhooksEvents = {
  WebhookRegistered: firstVersion(WebhookRegisteredV1),
  WebhookChanged: firstVersion(WebhookChangedV1),
  WebhookPaused: firstVersion(WebhookPausedV1),
  WebhookResumed: firstVersion(WebhookResumedV1),
  WebhookDisabled: firstVersion(WebhookDisabledV1),
  WebhookSecretRotated: firstVersion(WebhookSecretRotatedV1),
  WebhookReplayRequested: firstVersion(WebhookReplayRequestedV1),
  WebhookRemoved: firstVersion(WebhookRemovedV1),
  WebhookDeliveryParked: firstVersion(WebhookDeliveryParkedV1),
}
