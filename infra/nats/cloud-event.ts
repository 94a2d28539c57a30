import { type JsMsg, type MsgHdrs, MsgHdrsImpl } from 'nats'
import { shownType } from '../../domain/custom/events.ts'
import { eventDefinition, isOfNewerProgram } from '../../domain/event-catalogue.ts'
import { isRecord } from '../../domain/kernel/json.ts'
import { currentVersion } from '../../domain/kernel/upcast.ts'
import type { Position, RecordedEvent } from '../../services/ports/event-store.ts'
import type { DeliveredMessage, PublishedEvent } from '../../services/ports/message-bus.ts'

// CloudEvents 1.0 in binary mode, as its NATS protocol binding has it: context attributes are
// headers with the prefix `ce-`, the data is the payload.

const POSITION = 'tidemark-position'
const OMITTED = 'tidemark-data-omitted'
const PREFIX = 'ce-'
const REVISION = 'ce-streamrevision'
/** On a bus that was filled before the attribute had the name that it has everywhere. */
const SHORT_REVISION = 'ce-revision'

/** Outside printable ASCII, and the three that the binding escapes: space, double quote, percent. */
const ESCAPED = /[^\u0021\u0023\u0024\u0026-\u007e]/gu

const encoder = new TextEncoder()

export type Encoded = { readonly headers: Record<string, string[]>; readonly payload: Uint8Array }

/** @param maxBytes what the server takes; a larger event goes without its data, and says so. */
export function encode(event: RecordedEvent, maxBytes: number): Encoded {
  const headers = contextAttributes(event)
  const text = dataOf(event)
  if (text === undefined) return withoutData(headers, 'unreadable')
  const payload = encoder.encode(text)
  return payload.length + sizeOf(headers) > maxBytes
    ? withoutData(headers, 'too-large')
    : { headers, payload }
}

/** What a newer program wrote is passed on as it is: in its version, which is the current one there. */
function dataOf(event: RecordedEvent): string | undefined {
  if (event.fault === undefined) return JSON.stringify(event.data)
  return isOfNewerProgram(event) && isObject(event.raw.data) ? event.raw.data : undefined
}

function isObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value)
  } catch {
    return false
  }
}

function contextAttributes(event: RecordedEvent): Record<string, string[]> {
  const definition = eventDefinition(event.type)
  const context = definition?.context ?? 'unknown'
  const known = definition === undefined ? 0 : currentVersion(definition.definition)
  const version = isOfNewerProgram(event) ? event.schemaVersion : known
  return {
    'ce-specversion': ['1.0'],
    'ce-id': [event.eventId],
    'ce-type': [percentEncoded(shownType(event))],
    'ce-source': [`/tidemark/${context}`],
    'ce-subject': [percentEncoded(event.stream)],
    'ce-time': [event.time],
    'ce-dataschema': [percentEncoded(`${context}.${event.type}.v${version}`)],
    'ce-tenantid': [event.tenantId],
    'ce-actorid': [percentEncoded(event.actorId)],
    'ce-correlationid': [percentEncoded(event.correlationId)],
    'ce-causationid': [percentEncoded(event.causationId)],
    [REVISION]: [event.revision.toString()],
    'ce-schemaversion': [String(event.schemaVersion)],
    'content-type': ['application/json'],
    [POSITION]: [event.position.toString()],
  }
}

function withoutData(headers: Record<string, string[]>, why: 'too-large' | 'unreadable'): Encoded {
  return { headers: { ...headers, [OMITTED]: [why] }, payload: encoder.encode('{}') }
}

/** With room for what the transport adds. */
function sizeOf(headers: Record<string, string[]>): number {
  return JSON.stringify(headers).length + 512
}

export function natsHeaders(headers: Record<string, string[]>): MsgHdrs {
  return MsgHdrsImpl.fromRecord(headers)
}

/**
 * The event of a stored message.
 *
 * @throws {Error} when the message is not one of ours.
 */
export function publishedEvent(headers: MsgHdrs | undefined): PublishedEvent {
  const revision = headers?.get(REVISION) || headers?.get(SHORT_REVISION) || ''
  if (!/^\d+$/.test(revision)) throw new Error('A message of the bus has no revision.')
  return {
    position: positionOf(headers),
    eventId: headers?.get('ce-id') ?? '',
    stream: decodeURIComponent(headers?.get('ce-subject') ?? ''),
    revision: BigInt(revision),
  }
}

/** @throws {Error} when the message is not one of ours. */
function positionOf(headers: MsgHdrs | undefined): Position {
  const position = headers?.get(POSITION) ?? ''
  if (!/^\d+$/.test(position)) throw new Error('A message of the bus has no log position.')
  return BigInt(position)
}

/** @throws {Error} when the message is not one of ours. */
export function decode(message: JsMsg): DeliveredMessage {
  const { headers, subject, info } = message
  const position = positionOf(headers)
  const attributes: Record<string, string> = {}
  for (const name of headers?.keys() ?? [])
    if (name.startsWith(PREFIX))
      attributes[name.slice(PREFIX.length)] = decodeURIComponent(headers?.get(name) ?? '')
  const omitted = headers?.get(OMITTED)
  return {
    subject,
    attributes,
    position,
    data: message.json<Record<string, unknown>>(),
    deliveryCount: info.deliveryCount,
    ...(omitted === 'too-large' || omitted === 'unreadable' ? { omitted } : {}),
  }
}

function percentEncoded(value: string): string {
  return value.replaceAll(ESCAPED, (character) =>
    // A lone surrogate has no encoding.
    encodeURIComponent(/\p{Surrogate}/u.test(character) ? '\uFFFD' : character),
  )
}
