import { v5 as uuidOf } from 'uuid'
import type { Incoming } from '../../domain/workflows/run/event-match.ts'
import { gathers, inputOf } from '../../domain/workflows/run/scheduled.ts'
import { runEvents } from '../../domain/workflows/run-events.ts'
import type { Standing } from '../kernel/standing.ts'
import type { RecordedEvent } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { RunWaits, SetChanges, SetRow } from '../ports/run-waits.ts'
import type { EventSchedule, EventSchedules } from './event-schedules.ts'
import { isRefusal } from './lasting.ts'
import { keyOf, setFor } from './scheduled-sets.ts'
import { type StartRunDeps, startRun } from './start-run.ts'

export type StartOnDeps = StartRunDeps & {
  readonly standing: Standing
  readonly logger: Logger
  readonly waits: Pick<RunWaits, 'openSets'>
}

/** Namespace of what an event is to a workflow that it starts (RFC 9562, version 5). */
const STARTED_NAMESPACE = '6b7d2d31-5b0f-4a9a-9a51-0f6f4f5b8c66'

/**
 * Starts a run of each workflow whose `schedule.on` is complete with the event; the same events start
 * it once.
 *
 * @returns what is to be kept of those that are not, together with how far the log was read.
 */
export async function startOn(
  deps: StartOnDeps,
  schedules: EventSchedules,
  event: RecordedEvent,
  incoming: Incoming,
): Promise<SetChanges | undefined> {
  if (Object.hasOwn(runEvents, event.type)) return undefined
  const kept: SetRow[] = []
  const over: SetRow[] = []
  for (const schedule of schedules.of(event.tenantId)) {
    if (schedule.since >= event.position) continue
    const found = await setFor(deps, schedule, event, incoming)
    if (found === undefined) continue
    if (found.isComplete) await start(deps, schedules, schedule, event, found.row)
    if (gathers(schedule.on)) (found.isComplete ? over : kept).push(found.row)
  }
  return kept.length + over.length === 0 ? undefined : { schedulesOver: [], kept, over }
}

async function start(
  deps: StartOnDeps,
  schedules: EventSchedules,
  schedule: EventSchedule,
  { eventId, correlationId }: RecordedEvent,
  { setId, set }: SetRow,
): Promise<void> {
  const { namespace, name, version, owner } = schedule
  const { tenantId, workflow } = keyOf(schedule)
  const id = `${tenantId}/${workflow}`
  if (!schedules.mayStart(id, correlationId)) {
    deps.logger.warn({ workflow: id, correlationId }, 'a workflow starts itself again and again')
    return
  }
  if (!(await deps.standing.may(tenantId, owner, 'workflows:write'))) {
    deps.logger.warn({ workflow: id }, 'its author may not start runs any more')
    return
  }
  const input = inputOf(set)
  const wanted = { namespace, name, version, owner, trigger: 'event', input } as const
  const commandId = uuidOf(`${setId}/${id}/${version}`, STARTED_NAMESPACE)
  const context = { tenantId, actorId: owner.actorId, correlationId, causationId: eventId }
  try {
    await startRun(deps, wanted, { ...context, commandId })
  } catch (error) {
    if (!isRefusal(error)) throw error
    deps.logger.warn({ workflow: id, eventId, err: error }, 'an event could not start a run')
  }
}
