import { randomUUID } from 'node:crypto'
import type { RecordedEvent } from '../../services/ports/event-store.ts'
import { eventMeta } from './event-meta.ts'

/** An event of the tenant `acme` as a store would give it, at this position. */
export function recordedEvent(position: bigint, given: Partial<RecordedEvent> = {}): RecordedEvent {
  return {
    ...eventMeta({ eventId: randomUUID(), position, revision: position - 1n }),
    type: 'UsageTracked',
    data: { serviceId: `s${position}` },
    schemaVersion: 1,
    raw: { data: '', metadata: '' },
    ...given,
  }
}

/** Events at the positions `first` to `last`. */
export function recordedEvents(first: number, last: number): RecordedEvent[] {
  return Array.from({ length: last - first + 1 }, (_, index) =>
    recordedEvent(BigInt(first + index)),
  )
}
