import {
  type EventData,
  type EventType,
  jsonEvent,
  type ResolvedEvent,
} from '@eventstore/db-client'
import type { EncodedEvent, StoredEvent } from '../codec.ts'

const utf8 = new TextEncoder()

/**
 * What the client is to write.
 *
 * The client prints JSON data itself. Both texts of an encoded event are what `JSON.stringify`
 * printed, and parsing and printing such a text again gives the same text. Metadata goes as
 * bytes; it has to be a plain Uint8Array, the client would print a Buffer as JSON.
 */
export function toEventData({ id, type, data, metadata }: EncodedEvent): EventData {
  return { ...jsonEvent({ id, type, data: JSON.parse(data) }), metadata: utf8.encode(metadata) }
}

/** Undefined for what is not Tidemark's: EventStoreDB's own events, and links that lead nowhere. */
export function toStoredEvent({ event, commitPosition }: ResolvedEvent): StoredEvent | undefined {
  const position = event?.position?.commit ?? commitPosition
  if (event === undefined || position === undefined || event.type.startsWith('$')) return undefined
  return {
    id: event.id,
    type: event.type,
    stream: event.streamId,
    revision: event.revision,
    position,
    data: event.isJson ? JSON.stringify(event.data) : textOf(event.data),
    metadata: textOf(event.metadata),
  }
}

function textOf(value: EventType['data'] | EventType['metadata']): string {
  if (value === undefined) return ''
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : JSON.stringify(value)
}
