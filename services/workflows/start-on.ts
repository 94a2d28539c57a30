import { v5 as uuidOf } from 'uuid'
import type { Json } from '../../domain/kernel/json.ts'
import { type Incoming, isScheduledBy } from '../../domain/workflows/run/listen.ts'
import { runEvents } from '../../domain/workflows/run-events.ts'
import { ProblemError } from '../kernel/problem.ts'
import type { Standing } from '../kernel/standing.ts'
import type { RecordedEvent } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { EventSchedule, EventSchedules } from './event-schedules.ts'
import { type StartRunDeps, startRun } from './start-run.ts'

export type StartOnDeps = StartRunDeps & { readonly standing: Standing; readonly logger: Logger }

/** Namespace of what an event is to a workflow that it starts (RFC 9562, version 5). */
const STARTED_NAMESPACE = '6b7d2d31-5b0f-4a9a-9a51-0f6f4f5b8c66'
/** Starts a run of each workflow whose `schedule.on` means the event; the same event starts it once. */
export async function startOn(
  deps: StartOnDeps,
  schedules: EventSchedules,
  event: RecordedEvent,
  incoming: Incoming,
): Promise<void> {
  if (Object.hasOwn(runEvents, event.type)) return
  const now = deps.now().toISOString()
  for (const schedule of schedules.of(event.tenantId))
    if (schedule.since < event.position && isScheduledBy({ now }, schedule.on, incoming))
      await start(deps, schedules, schedule, event, incoming)
}

async function start(
  deps: StartOnDeps,
  schedules: EventSchedules,
  { namespace, name, version, owner }: EventSchedule,
  { tenantId, eventId, correlationId }: RecordedEvent,
  { data = null }: Incoming,
): Promise<void> {
  const id = `${tenantId}/${namespace}.${name}`
  if (!schedules.mayStart(id, correlationId)) {
    deps.logger.warn({ workflow: id, correlationId }, 'a workflow starts itself again and again')
    return
  }
  if (!(await deps.standing.may(tenantId, owner, 'workflows:write'))) {
    deps.logger.warn({ workflow: id }, 'its author may not start runs any more')
    return
  }
  const input: Json = [data]
  const wanted = { namespace, name, version, owner, trigger: 'event', input } as const
  const commandId = uuidOf(`${eventId}/${id}/${version}`, STARTED_NAMESPACE)
  const context = { tenantId, actorId: owner.actorId, correlationId, causationId: eventId }
  try {
    await startRun(deps, wanted, { ...context, commandId })
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.status >= 500) throw error
    deps.logger.warn({ workflow: id, eventId, err: error }, 'an event could not start a run')
  }
}
