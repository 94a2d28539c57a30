import type { AppendContext, EventStore, RecordedEvent } from '../ports/event-store.ts'

/** What a reaction acts for: every event that it records says so. */
export type Cause = Pick<AppendContext, 'correlationId' | 'causationId'>

/**
 * The newest event of `stream` with one of these types, as the cause of what follows from it.
 * It is read from the stream because the message that woke the reaction may be an older one
 * that came again, and what a process left half-done is resumed without a message.
 */
export async function causeIn(
  store: Pick<EventStore, 'readStream'>,
  stream: string,
  types: readonly RecordedEvent['type'][],
): Promise<Cause | undefined> {
  for await (const { type, correlationId, eventId } of store.readStream(stream, {
    direction: 'backwards',
  }))
    if (types.includes(type)) return { correlationId, causationId: eventId }
  return undefined
}
