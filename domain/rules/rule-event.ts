import type { EventMeta } from '../kernel/event.ts'

/** What rules see of an event of the log. */
export type RuleEvent = Pick<
  EventMeta,
  'eventId' | 'stream' | 'position' | 'time' | 'actorId' | 'causationId'
> & {
  readonly type: string
  /** In the current schema version. */
  readonly data: Readonly<Record<string, unknown>>
  /** Where the event names its subject itself. */
  readonly subject?: string
}
