import type { Incoming } from '../../domain/workflows/run/event-match.ts'
import {
  EMPTY_SET,
  gathers,
  type ScheduledSet,
  takeScheduled,
} from '../../domain/workflows/run/scheduled.ts'
import type { RecordedEvent } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { RunWaits, ScheduleKey, SetRow } from '../ports/run-waits.ts'
import type { EventSchedule } from './event-schedules.ts'

/** Of one workflow, that wait for more events. */
const MAX_SETS = 1_000
/** What a run begins with is a value in its events. */
const MAX_SET_TEXT = 256 * 1024

type Deps = { readonly waits: Pick<RunWaits, 'openSets'>; readonly logger: Logger }
type Found = { readonly row: SetRow; readonly isComplete: boolean }

export function keyOf({ tenantId, namespace, name }: EventSchedule): ScheduleKey {
  return { tenantId, workflow: `${namespace}.${name}` }
}

/**
 * The set that the event belongs to: the oldest one that takes it, or a new one.
 *
 * @returns undefined when the workflow does not mean the event.
 */
export async function setFor(
  { waits, logger }: Deps,
  schedule: EventSchedule,
  { eventId, position, time }: RecordedEvent,
  incoming: Incoming,
): Promise<Found | undefined> {
  const { on } = schedule
  const key = keyOf(schedule)
  const empty = { ...key, setId: eventId, opened: position, set: EMPTY_SET }
  const open = gathers(on) ? await waits.openSets(key) : []
  for (const row of [...open, empty]) {
    const taken = takeScheduled(on, row.set, incoming, time)
    if (taken === undefined) continue
    const found = { row: { ...row, set: taken.set }, isComplete: taken.isComplete }
    if (found.isComplete || isRoom(taken.set, open.length)) return found
    logger.warn({ ...key, eventId }, 'a schedule waits for too much; an event was left out')
    return undefined
  }
  return undefined
}

function isRoom(set: ScheduledSet, open: number): boolean {
  const isNew = set.taken.length === 1
  return isNew ? open < MAX_SETS : JSON.stringify(set).length <= MAX_SET_TEXT
}
