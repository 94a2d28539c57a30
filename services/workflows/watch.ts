import { loggedType, shownType } from '../../domain/custom/events.ts'
import { type Incoming, scheduledTypes } from '../../domain/workflows/run/listen.ts'
import { runStream } from '../../domain/workflows/run/run.ts'
import { isRun } from '../../domain/workflows/run/state.ts'
import { runEvents } from '../../domain/workflows/run-events.ts'
import { toCloudEvent } from '../kernel/cloud-event.ts'
import { ProblemError } from '../kernel/problem.ts'
import type { EventStore, Position, RecordedEvent } from '../ports/event-store.ts'
import type { RunKey } from '../ports/run-claims.ts'
import type { RunWaits } from '../ports/run-waits.ts'
import { DEFINITION_EVENTS, EventSchedules } from './event-schedules.ts'
import { RunSession } from './run-session.ts'
import { type StartOnDeps, startOn } from './start-on.ts'
import { GatheredWaits, WAIT_EVENTS } from './waits.ts'

/** Every type of a tenant's own; the log knows them by one name. */
const CUSTOM_EVENT = 'CustomEventEmitted'
/** Of what runs do, only how they end is heard: a run that heard its own steps would never rest. */
const HEARD_OF_RUNS: readonly string[] = ['RunCompleted', 'RunFaulted', 'RunCancelled']

export type WatchDeps = StartOnDeps & {
  /** As stored: a run hears personal data encrypted. */
  readonly log: EventStore
  readonly waits: RunWaits
}

/**
 * Follows the log until `signal` aborts: keeps the rows of what runs wait for, and tells runs the
 * events that they listen to. Where it is in the log is in the same transaction as the rows; what a
 * crash repeats changes nothing, because a run knows the events that it has.
 *
 * @param rowsChanged is called when there may be a new timer.
 */
export async function watchLog(
  deps: WatchDeps,
  rowsChanged: () => void,
  signal: AbortSignal,
): Promise<void> {
  const { log, waits } = deps
  const schedules = new EventSchedules()
  await schedules.load(log)
  const listenedTo = new Set([...(await waits.listenedTo()), ...typesIn(schedules)])
  let after = await waits.position()
  while (!signal.aborted) {
    const filter = filterFor(listenedTo)
    const size = listenedTo.size
    for await (const { events, through } of log.follow({ ...filter, after, signal })) {
      after = await takeBatch({ ...deps, schedules }, events, through, listenedTo)
      rowsChanged()
      if (listenedTo.size !== size) break
    }
  }
}

function filterFor(listenedTo: ReadonlySet<string>): { readonly types?: readonly string[] } {
  if (listenedTo.has('')) return {}
  const named = [...listenedTo].map(loggedType)
  return { types: [...new Set([...WAIT_EVENTS, ...DEFINITION_EVENTS, ...named])].sort() }
}

/** @returns how far it came: not to the end when there is a new type to listen to. */
async function takeBatch(
  { waits, schedules, ...deps }: WatchDeps & { readonly schedules: EventSchedules },
  events: readonly RecordedEvent[],
  through: Position,
  listenedTo: Set<string>,
): Promise<Position> {
  let gathered = new GatheredWaits()
  for (const event of events) {
    const type = shownType(event)
    if (isHeard(event) && (listenedTo.has(type) || listenedTo.has(''))) {
      // Who listens is in the rows, so what came before has to be there.
      await waits.apply(gathered.changes(), event.position)
      gathered = new GatheredWaits()
      const heard = heardAs(event)
      await tell({ waits, ...deps }, event, heard)
      await startOn(deps, schedules, event, heard)
    }
    const types = schedules.apply(event) ? typesIn(schedules) : gathered.add(event)
    const fresh = types.filter((each) => !listenedTo.has(each))
    if (fresh.length > 0) {
      for (const each of fresh) listenedTo.add(each)
      await waits.apply(gathered.changes(), event.position)
      return event.position
    }
  }
  await waits.apply(gathered.changes(), through)
  return through
}

function typesIn(schedules: EventSchedules): readonly string[] {
  return schedules.all().flatMap(({ on }) => [...scheduledTypes(on)])
}

function isHeard({ type, fault }: RecordedEvent): boolean {
  return fault === undefined && (!Object.hasOwn(runEvents, type) || HEARD_OF_RUNS.includes(type))
}

async function tell(deps: WatchDeps, event: RecordedEvent, heard: Incoming): Promise<void> {
  const rows = await deps.waits.listeners(event.tenantId, heard.type)
  const steps = new Map<string, number[]>()
  for (const { runId, step, since } of rows)
    if (since < event.position) steps.set(runId, [...(steps.get(runId) ?? []), step])
  for (const [runId, listening] of steps) {
    const key = { tenantId: event.tenantId, runId }
    if (runStream(key.tenantId, runId) !== event.stream)
      await tellRun(deps, key, listening, event, heard)
  }
}

async function tellRun(
  { events, programs, now, logger }: WatchDeps,
  key: RunKey,
  steps: readonly number[],
  event: RecordedEvent,
  heard: Incoming,
): Promise<void> {
  try {
    const session = await RunSession.open(events, key)
    const { state } = session
    if (!isRun(state)) return
    const program = await programs.ofRun(key.tenantId, state, state.version)
    const surroundings = { program, now: now().toISOString(), random: 0 }
    await session.give(
      () => ({ type: 'ReceiveEvent', event: heard, steps, surroundings }),
      event.eventId,
    )
  } catch (error) {
    // One run that cannot hear does not keep the others waiting.
    if (!(error instanceof ProblemError)) throw error
    logger.warn({ ...key, eventId: event.eventId, err: error }, 'a run could not hear an event')
  }
}

/** An event of a tenant's own is heard as it was emitted, without what the log keeps around it. */
function heardAs(event: RecordedEvent): Incoming {
  const envelope = toCloudEvent(event)
  if (event.type !== CUSTOM_EVENT) return envelope as unknown as Incoming
  const { data, subject = envelope.subject } = event.data
  return { ...envelope, data, subject } as unknown as Incoming
}
