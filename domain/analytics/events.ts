import { Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import { firstVersion } from '../kernel/upcast.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.

/** Without control characters: it becomes a key in tables. */
const name = { minLength: 1, maxLength: 300, pattern: '^[^\\u0000-\\u001f\\u007f]+$' }

/** A use of a service that did not go through the gateway, as a client reports it. */
export const UsageTrackedV1 = Type.Object(
  {
    serviceId: Type.String({ ...name, description: 'server name' }),
    tool: Type.String(name),
    durationMs: Type.Number({ minimum: 0 }),
    outcome: Type.Union([Type.Literal('ok'), Type.Literal('error')]),
    occurredAt: Type.String({ format: 'date-time' }),
  },
  { $id: 'analytics.UsageTracked.v1', additionalProperties: false },
)

export type AnalyticsEvent = EventOf<'UsageTracked', typeof UsageTrackedV1>

export const analyticsEvents = { UsageTracked: firstVersion(UsageTrackedV1) }
