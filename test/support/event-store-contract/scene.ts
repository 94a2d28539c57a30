import { randomBytes, randomUUID } from 'node:crypto'
import { Type } from 'typebox'
import { streamName } from '../../../domain/kernel/ids.ts'
import { type ContextEvents, firstVersion } from '../../../domain/kernel/upcast.ts'
import type { EncodedEvent, EventCodec } from '../../../infra/eventstore/codec.ts'
import { createEventCodec } from '../../../infra/eventstore/codec.ts'
import type {
  AppendContext,
  EventStore,
  FeedBatch,
  NewEvent,
  RecordedEvent,
} from '../../../services/ports/event-store.ts'

/** Events for tests of stores: any text, any number. */
const storeTestEvents: ContextEvents = {
  NoteWritten: firstVersion(
    Type.Object(
      { text: Type.String() },
      { $id: 'test.NoteWritten.v1', additionalProperties: false },
    ),
  ),
  CounterMoved: firstVersion(
    Type.Object(
      { by: Type.Integer() },
      { $id: 'test.CounterMoved.v1', additionalProperties: false },
    ),
  ),
}

/** A codec for the events that a scene makes, which remembers what it encoded. */
export function createTestCodec(): EventCodec & { readonly encoded: Map<string, EncodedEvent> } {
  const codec = createEventCodec({ now: () => new Date(), catalogue: { test: storeTestEvents } })
  const encoded = new Map<string, EncodedEvent>()
  return {
    encoded,
    decode: codec.decode,
    encode(stream, events, context) {
      const result = codec.encode(stream, events, context)
      for (const event of result) encoded.set(event.id, event)
      return result
    },
  }
}

/** What one test appends and reads: a tenant of its own, so that stores can be shared. */
export type Scene = {
  readonly store: EventStore
  readonly context: AppendContext
  readonly newStream: (id?: string) => string
  readonly note: (text?: string) => NewEvent
  readonly counter: (by?: number) => NewEvent
}

export function createScene(store: EventStore): Scene {
  const tenantId = `t${randomBytes(5).toString('hex')}`
  return {
    store,
    context: {
      tenantId,
      actorId: 'tester',
      correlationId: randomUUID(),
      causationId: randomUUID(),
    },
    newStream: (id = randomUUID()) => streamName('test', tenantId, id),
    note: (text = 'a note') => ({ id: randomUUID(), type: 'NoteWritten', data: { text } }),
    counter: (by = 1) => ({ id: randomUUID(), type: 'CounterMoved', data: { by } }),
  }
}

export async function all<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const result: Item[] = []
  for await (const item of items) result.push(item)
  return result
}

export function idsOf(events: readonly { readonly eventId: string }[]): string[] {
  return events.map(({ eventId }) => eventId)
}

/** Every position is beyond the one before. */
export function isAscending(positions: readonly bigint[]): boolean {
  return positions.every(
    (position, index) => index === 0 || position > (positions[index - 1] ?? 0n),
  )
}

/** Reads a feed until `enough` says so, at most `timeoutMs`. */
export async function followUntil(
  feed: (signal: AbortSignal) => AsyncIterable<FeedBatch>,
  enough: (seen: readonly RecordedEvent[], through: bigint) => boolean,
  timeoutMs = 20_000,
): Promise<{ readonly events: RecordedEvent[]; readonly batches: FeedBatch[] }> {
  const events: RecordedEvent[] = []
  const batches: FeedBatch[] = []
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), timeoutMs)
  try {
    for await (const batch of feed(stop.signal)) {
      batches.push(batch)
      events.push(...batch.events)
      if (enough(events, batch.through)) return { events, batches }
    }
  } finally {
    clearTimeout(timer)
    stop.abort()
  }
  throw new Error(`The feed brought ${events.length} events in ${timeoutMs} ms, not enough.`)
}
