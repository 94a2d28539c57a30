import type { EventMeta } from '../../domain/kernel/event.ts'
import { tenantOfStream } from '../../domain/kernel/ids.ts'

/** Opaque, strictly growing place of one event in the whole log. 0n is before every event. */
export type Position = bigint

/**
 * What must be true of the stream for the append to happen. A revision is that of the
 * stream's last event, from 0n; `no-stream` = the stream has no event, `stream-exists` = it has
 * one or more, `any` = no condition.
 */
export type ExpectedRevision = bigint | 'no-stream' | 'stream-exists' | 'any'

/** Revision of the last event in a stream. */
export type StreamRevision = bigint | 'no-stream'

export type NewEvent = {
  /** UUID, unique in the whole log for ever: appending it again is a retry, not a second event. */
  readonly id: string
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  /** Where it is not that of the append: events that are appended together may have different causes. */
  readonly cause?: Pick<AppendContext, 'correlationId' | 'causationId'>
}

/** Who appends, and what led to it. */
export type AppendContext = Pick<
  EventMeta,
  'tenantId' | 'actorId' | 'correlationId' | 'causationId'
>

export type RecordedEvent = EventMeta & {
  readonly type: string
  /** In the current schema version, whatever version was stored. */
  readonly data: Readonly<Record<string, unknown>>
  /** The version that was stored. */
  readonly schemaVersion: number
  /** Why `data` could not be read (unknown version, damaged); then `data` is empty. */
  readonly fault?: string
  /** Data and metadata byte for byte as appended: what a hash over the log covers. */
  readonly raw: { readonly data: string; readonly metadata: string }
}

/** Place of the append's last event. */
export type Appended = { readonly revision: bigint; readonly position: Position }

export type ReadStreamOptions = {
  /** First revision to read, inclusive; by default the start (forwards) or the end (backwards). */
  readonly from?: bigint
  readonly direction?: 'forwards' | 'backwards'
  readonly limit?: number
}

/** An event passes when it has one of each that is given. */
export type EventFilter = {
  readonly types?: readonly string[]
  readonly streams?: readonly string[]
  readonly tenantId?: string
}

export type ReadAllOptions = EventFilter & {
  /** Exclusive. Forwards: events after it, by default from the start. Backwards: events before it, by default from the end. */
  readonly from?: Position
  readonly direction?: 'forwards' | 'backwards'
  readonly limit?: number
}

export type FollowOptions = EventFilter & {
  /** Exclusive: the last position already seen, 0n for all of the log. */
  readonly after: Position
  readonly signal: AbortSignal
  /** Largest number of events in one batch. */
  readonly maxBatch?: number
}

/** `through` is the position up to which nothing that passes the filter is still to come. */
export type FeedBatch = { readonly events: readonly RecordedEvent[]; readonly through: Position }

/**
 * The append-only log: the only truth of the system. Two adapters pass one contract suite.
 *
 * Every method throws `EventStoreUnavailableError` when the store cannot be reached or does
 * not answer in time.
 */
export interface EventStore extends AsyncDisposable {
  /**
   * Appends all events or none, contiguous in the log.
   *
   * An append of ids that were already appended together answers with the first result. It
   * must carry its original expectation.
   *
   * @throws {RevisionConflictError} when the stream is not as expected; nothing was written.
   * @throws {EventIdConflictError} when only a part of the ids was written before, or elsewhere.
   * @throws {EventStoreUnavailableError} the outcome is then unknown; the same append, repeated, tells.
   * @throws {InvalidEventError} when an event does not fit its schema, the data of all events
   *   together has more than 1,048,576 bytes, or the stream's name does not carry the context's tenant.
   */
  append(
    stream: string,
    events: readonly NewEvent[],
    expected: ExpectedRevision,
    context: AppendContext,
  ): Promise<Appended>

  /** An absent stream reads as empty. */
  readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<RecordedEvent>

  readAll(options?: ReadAllOptions): AsyncIterable<RecordedEvent>

  /** Catches up, then stays live, without a gap or a repeat; ends when `signal` aborts. Heals its own connection. */
  follow(options: FollowOptions): AsyncIterable<FeedBatch>

  /** Position of the newest event; 0n when the log is empty. */
  head(): Promise<Position>
}

export function isSelective({ types, streams, tenantId }: EventFilter): boolean {
  return (types ?? streams ?? tenantId) !== undefined
}

export function passes(
  { types, streams, tenantId }: EventFilter,
  { type, stream }: { readonly type: string; readonly stream: string },
): boolean {
  return (
    (types === undefined || types.includes(type)) &&
    (streams === undefined || streams.includes(stream)) &&
    (tenantId === undefined || tenantOfStream(stream) === tenantId)
  )
}

export class RevisionConflictError extends Error {
  override readonly name = 'RevisionConflictError'
  readonly stream: string
  readonly expected: ExpectedRevision
  readonly actual: StreamRevision

  constructor(stream: string, expected: ExpectedRevision, actual: StreamRevision) {
    super(`Stream ${stream} is at ${actual}, expected was ${expected}.`)
    this.stream = stream
    this.expected = expected
    this.actual = actual
  }
}

export class EventIdConflictError extends Error {
  override readonly name = 'EventIdConflictError'
}

export class InvalidEventError extends Error {
  override readonly name = 'InvalidEventError'
}

export class EventStoreUnavailableError extends Error {
  override readonly name = 'EventStoreUnavailableError'
}
