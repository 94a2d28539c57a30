import { type TObject, type TSchema, Type } from 'typebox'
import { eventCatalogue } from '../../domain/event-catalogue.ts'
import { personalFields, storedSchema } from '../../domain/kernel/personal.ts'
import { currentVersion } from '../../domain/kernel/upcast.ts'
import { CloudEvent } from '../kernel/cloud-event.ts'
import { RuleFired, WebhookTest } from '../kernel/webhook-messages.ts'
import { POSITION_TYPE } from './socket-client.ts'

type Json = Readonly<Record<string, unknown>>

/** One version of one event type. */
type EventVersion = {
  readonly context: string
  readonly type: string
  readonly version: number
  readonly isCurrent: boolean
  readonly schema: TObject
}

export const eventVersions: readonly EventVersion[] = Object.entries(eventCatalogue).flatMap(
  ([context, events]) =>
    Object.entries(events).flatMap(([type, definition]) =>
      definition.versions.map((schema, index) => ({
        ...{ context, type, schema },
        version: index + 1,
        isCurrent: index + 1 === currentVersion(definition),
      })),
    ),
)

export const currentVersions = eventVersions.filter(({ isCurrent }) => isCurrent)

/** Webhooks are not told of webhooks. */
const toldByWebhook = currentVersions.filter(({ context }) => context !== 'webhooks')
/** Of no event of the log. */
const toldBesides = { WebhookTest, RuleFired }

const encoded = (description: string) =>
  Type.String({ description: `${description}; percent-encoded outside printable ASCII` })
const decimal = (description: string) => Type.String({ pattern: '^[0-9]+$', description })

/** CloudEvents 1.0 in binary mode, and what JetStream and this log add. */
const BusHeaders = Type.Object({
  'ce-specversion': Type.Literal('1.0'),
  'ce-id': Type.String({ format: 'uuid' }),
  'ce-type': Type.String({ description: 'event type' }),
  'ce-source': Type.String({ description: '`/tidemark/` and the context' }),
  'ce-subject': encoded('stream'),
  'ce-time': Type.String({ format: 'date-time' }),
  'ce-dataschema': Type.String({ description: 'schema that the data has: context, type, version' }),
  'ce-tenantid': Type.String(),
  'ce-actorid': encoded('who did it'),
  'ce-correlationid': encoded('request or run that it belongs to'),
  'ce-causationid': encoded('request or event that led to it'),
  'ce-streamrevision': decimal('place in its stream, from 0'),
  'ce-schemaversion': decimal('version that was stored'),
  'content-type': Type.Literal('application/json'),
  'tidemark-position': decimal('place in the whole log: strictly growing, not dense'),
  'tidemark-data-omitted': Type.Optional(
    Type.Enum(['too-large', 'unreadable'], {
      description: 'the message has no data; `GET /v1/events` has the event as it is',
    }),
  ),
  'Nats-Msg-Id': Type.Optional(
    Type.String({
      description: 'for the NATS server: it changes when the stream is emptied; `ce-id` does not',
    }),
  ),
  'Nats-Expected-Last-Sequence': Type.Optional(Type.String()),
  'Nats-Expected-Last-Msg-Id': Type.Optional(Type.String()),
})

const WebhookHeaders = Type.Object({
  'webhook-id': Type.String({ description: 'the id of the event, the same at every attempt' }),
  'webhook-timestamp': decimal('seconds since 1970 of this attempt'),
  'webhook-signature': Type.String({ description: 'Standard Webhooks: `v1,` and an HMAC-SHA256' }),
})

const Position = Type.Object(
  {
    specversion: Type.Literal('1.0'),
    id: Type.String(),
    source: Type.Literal('/tidemark'),
    type: Type.Literal(POSITION_TYPE),
    position: decimal('where to resume'),
  },
  { description: 'No event of the log: everything up to `position` was sent or is filtered out.' },
)

export const busMessage = ({ type, version }: Pick<EventVersion, 'type' | 'version'>) =>
  `${type}.v${version}`
export const jsonMessage = ({ type }: Pick<EventVersion, 'type'>) => `${type}.json`
const webhookMessage = ({ type }: Pick<EventVersion, 'type'>) => `${type}.webhook`
export const POSITION_MESSAGE = 'Position'
export const webhookMessages = [
  ...toldByWebhook,
  ...Object.keys(toldBesides).map((type) => ({ type })),
].map(webhookMessage)

/** The bus and webhooks have the personal fields of events encrypted, as the log does. */
const storedName = (each: EventVersion) =>
  personalFields(each.schema).length === 0 ? dataSchema(each) : `${dataSchema(each)}.encrypted`
const dataSchema = ({ context, type, version }: EventVersion) => `${context}.${type}.v${version}`
const schemaRef = (name: string) => ({ $ref: `#/components/schemas/${name}` })
const SIGNED = {
  contentType: 'application/cloudevents+json',
  headers: schemaRef('WebhookHeaders'),
}

export function schemas(): Json {
  return {
    BusHeaders: anonymous(BusHeaders),
    WebhookHeaders: anonymous(WebhookHeaders),
    CloudEvent: anonymous(CloudEvent),
    Position: anonymous(Position),
    ...toldBesides,
    ...Object.fromEntries(
      eventVersions.flatMap((each) => [
        [dataSchema(each), anonymous(each.schema)],
        [storedName(each), anonymous(storedSchema(each.schema))],
      ]),
    ),
  }
}

export function messages(): Json {
  return {
    ...Object.fromEntries(eventVersions.map((each) => [busMessage(each), binary(each)] as const)),
    ...Object.fromEntries(
      currentVersions.map((each) => [jsonMessage(each), structured(each)] as const),
    ),
    ...Object.fromEntries(toldByWebhook.map((each) => [webhookMessage(each), signed(each)])),
    ...Object.fromEntries(
      Object.keys(toldBesides).map((type) => [
        webhookMessage({ type }),
        { name: type, title: type, ...SIGNED, payload: schemaRef(type) },
      ]),
    ),
    [POSITION_MESSAGE]: {
      name: POSITION_TYPE,
      title: 'Where to resume',
      contentType: 'application/json',
      payload: schemaRef('Position'),
    },
  }
}

/** Events of a tenant's own types are shown as those. */
function shownAs(type: string): Json {
  return type === 'CustomEventEmitted' ? { pattern: '^custom\\.' } : { const: type }
}

function binary(each: EventVersion): Json {
  const { context, type, version } = each
  const fixed = {
    'ce-type': shownAs(type),
    'ce-source': { const: `/tidemark/${context}` },
    'ce-dataschema': { const: dataSchema(each) },
  }
  return {
    name: type,
    title: each.isCurrent ? type : `${type}, version ${version}, published before an update`,
    tags: [{ name: context }],
    contentType: 'application/json',
    headers: { allOf: [schemaRef('BusHeaders'), { type: 'object', properties: fixed }] },
    payload: schemaRef(storedName(each)),
  }
}

function structured(each: EventVersion, data = dataSchema(each)): Json {
  const own = { type: shownAs(each.type), data: schemaRef(data) }
  return {
    name: each.type,
    title: each.type,
    tags: [{ name: each.context }],
    contentType: 'application/json',
    payload: { allOf: [schemaRef('CloudEvent'), { type: 'object', properties: own }] },
  }
}

/** Who is called gets what the log has: personal fields are encrypted. */
function signed(each: EventVersion): Json {
  return { ...structured(each, storedName(each)), ...SIGNED }
}

/** Its name here is its place in the document. */
function anonymous(schema: TSchema): Json {
  const { $id: _name, ...rest } = schema as TSchema & { readonly $id?: string }
  return rest
}
