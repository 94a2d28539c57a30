import { shownType } from '../custom/events.ts'
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

/** What a tenant emits is seen as an event of its own type, with its own data and subject. */
export function ruleEventOf(event: Omit<RuleEvent, 'subject'>): RuleEvent {
  if (event.type !== 'CustomEventEmitted') return event
  const { data, subject } = event.data
  return {
    ...event,
    type: shownType(event),
    data: data as RuleEvent['data'],
    ...(typeof subject === 'string' ? { subject } : {}),
  }
}
