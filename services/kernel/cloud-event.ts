import { Type } from 'typebox'
import { shownType } from '../../domain/custom/events.ts'
import { eventDefinition } from '../../domain/event-catalogue.ts'
import type { RecordedEvent } from '../ports/event-store.ts'

const decimal = Type.String({ pattern: '^[0-9]+$' })

/** A stored event in the JSON format of CloudEvents 1.0; what CloudEvents does not name is an extension. */
export const CloudEvent = Type.Object(
  {
    specversion: Type.Literal('1.0'),
    id: Type.String({ format: 'uuid' }),
    source: Type.String({ format: 'uri-reference' }),
    type: Type.String({
      description: 'event type, for example ServerInstalled or custom.InvoicePaid',
    }),
    subject: Type.String({ description: 'stream' }),
    time: Type.String({ format: 'date-time' }),
    datacontenttype: Type.Literal('application/json'),
    tenantid: Type.String(),
    actorid: Type.String({ description: 'who did it' }),
    correlationid: Type.String({ description: 'request or run that it belongs to' }),
    causationid: Type.String({ description: 'request or event that led to it' }),
    schemaversion: Type.Integer({ description: 'version that was stored' }),
    streamrevision: decimal,
    position: { ...decimal, description: 'place in the whole log: strictly growing, not dense' },
    data: Type.Unknown({ description: 'in the current schema version' }),
    fault: Type.Optional(Type.String({ description: 'why `data` could not be read' })),
  },
  { description: 'CloudEvents 1.0 in JSON format' },
)

export function toCloudEvent(event: RecordedEvent) {
  return {
    specversion: '1.0' as const,
    id: event.eventId,
    source: `/tidemark/${eventDefinition(event.type)?.context ?? 'unknown'}`,
    type: shownType(event),
    subject: event.stream,
    time: event.time,
    datacontenttype: 'application/json' as const,
    tenantid: event.tenantId,
    actorid: event.actorId,
    correlationid: event.correlationId,
    causationid: event.causationId,
    schemaversion: event.schemaVersion,
    streamrevision: event.revision.toString(),
    position: event.position.toString(),
    data: event.data,
    ...(event.fault === undefined ? {} : { fault: event.fault }),
  }
}
