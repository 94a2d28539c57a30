import type { EventMeta } from '../../domain/kernel/event.ts'

/** Metadata for the test of a pure read model; position and revision 1 unless told. */
export function eventMeta(given: Partial<EventMeta> = {}): EventMeta {
  return {
    eventId: '00000000-0000-4000-8000-000000000001',
    stream: 'thing-acme.1',
    revision: 1n,
    position: 1n,
    time: '2026-01-02T03:04:05.000Z',
    tenantId: 'acme',
    actorId: 'key:test',
    correlationId: 'test',
    causationId: 'test',
    ...given,
  }
}
