import type { Static, TSchema } from 'typebox'

/** A fact as stored. `data` is JSON-safe: instants are ISO-8601 UTC strings, never `Date`. */
export type EventOf<Type extends string, Data extends TSchema> = {
  readonly type: Type
  readonly data: Readonly<Static<Data>>
}

/** What the store and the transport know about an event; no decision reads it. */
export type EventMeta = {
  readonly eventId: string
  readonly stream: string
  /** 0-based revision within the event's own stream. */
  readonly revision: bigint
  /** Opaque, strictly growing place in the whole log, one per event: the checkpoint unit. */
  readonly position: bigint
  /** ISO-8601 UTC instant at which the event was appended. */
  readonly time: string
  readonly tenantId: string
  readonly actorId: string
  /** The request or run that everything with the same value belongs to. */
  readonly correlationId: string
  /** The request or event that directly led to this one. */
  readonly causationId: string
}
