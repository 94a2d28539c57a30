import { loggedType, shownType } from '../../domain/custom/events.ts'
import type { Incoming } from '../../domain/workflows/run/event-match.ts'
import { runStream } from '../../domain/workflows/run/run.ts'
import { scheduledTypes } from '../../domain/workflows/run/scheduled.ts'
import { isRun } from '../../domain/workflows/run/state.ts'
import { runEvents } from '../../domain/workflows/run-events.ts'
import { toCloudEvent } from '../kernel/cloud-event.ts'
import { ProblemError } from '../kernel/problem.ts'
import { UnreadableEventError } from '../kernel/readable.ts'
import type { EventStore, Position, RecordedEvent } from '../ports/event-store.ts'
import type { RunKey } from '../ports/run-claims.ts'
import type { RunWaits, ScheduleKey, SetChanges } from '../ports/run-waits.ts'
import { DEFINITION_EVENTS, EventSchedules } from './event-schedules.ts'
import { record } from './record.ts'
import { RunSession } from './run-session.ts'
import { type StartOnDeps, startOn } from './start-on.ts'
import { GatheredWaits, WAIT_EVENTS } from './waits.ts'

/** Every type of a tenant's own; the log knows them by one name. */
const CUSTOM_EVENT = 'CustomEventEmitted'
/** Of what runs do, only how they end is heard: a run that heard its own steps would never rest. */
const HEARD_OF_RUNS: readonly string[] = ['RunCompleted', 'RunFaulted', 'RunCancelled']

/** Positions that a restart may look at again, and find nothing. */
const MAX_UNSAVED = 1_000n

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
  let after = await waits.position()
  let saved = after
  const schedules = new EventSchedules()
  await schedules.load(log, after)
  const listenedTo = new Set([...(await waits.listenedTo()), ...typesIn(schedules)])
  while (!signal.aborted) {
    const filter = filterFor(listenedTo)
    const size = listenedTo.size
    for await (const { events, through } of log.follow({ ...filter, after, signal })) {
      const batch = { events, after, through }
      after = through
      // Most of what happens concerns nobody here: the place alone is not worth a write each time.
      if (events.length === 0 && through - saved < MAX_UNSAVED) continue
      after = await takeBatch({ ...deps, schedules }, batch, listenedTo)
      saved = after
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

type FollowDeps = WatchDeps & { readonly schedules: EventSchedules }

type Batch = {
  readonly events: readonly RecordedEvent[]
  /** Where the one before ended, and where this one ends. */
  readonly after: Position
  readonly through: Position
}

/** @returns how far it came: not to the end when there is a new type to listen to. */
async function takeBatch(
  deps: FollowDeps,
  { events, after, through }: Batch,
  listenedTo: Set<string>,
): Promise<Position> {
  const { waits, schedules } = deps
  let gathered = new GatheredWaits()
  let before = after
  for (const event of events) {
    let sets: SetChanges | undefined
    if (isHeard(event, listenedTo)) {
      // Who listens is in the rows, so what came before has to be there.
      await waits.apply(gathered.changes(), before)
      gathered = new GatheredWaits()
      sets = await hear(deps, event)
    }
    const changed = schedules.apply(event)
    const types = changed === undefined ? gathered.add(event) : typesIn(schedules)
    if (changed !== undefined) sets = without(sets, changed)
    const fresh = types.filter((each) => !listenedTo.has(each))
    for (const each of fresh) listenedTo.add(each)
    if (fresh.length > 0 || sets !== undefined) {
      await waits.apply(gathered.changes(), event.position, sets)
      gathered = new GatheredWaits()
    }
    if (fresh.length > 0) return event.position
    before = event.position
  }
  await waits.apply(gathered.changes(), through)
  return through
}

/** What a workflow waited for as it was before is nothing that it waits for. */
function without({ kept, over }: Partial<SetChanges> = {}, changed: ScheduleKey): SetChanges {
  const isOther = ({ tenantId, workflow }: ScheduleKey) =>
    tenantId !== changed.tenantId || workflow !== changed.workflow
  return { schedulesOver: [changed], kept: kept?.filter(isOther) ?? [], over: over ?? [] }
}

function typesIn(schedules: EventSchedules): readonly string[] {
  return schedules.all().flatMap(({ on }) => [...scheduledTypes(on)])
}

function isHeard(event: RecordedEvent, listenedTo: ReadonlySet<string>): boolean {
  const { type, fault } = event
  if (fault !== undefined || (Object.hasOwn(runEvents, type) && !HEARD_OF_RUNS.includes(type)))
    return false
  return listenedTo.has(shownType(event)) || listenedTo.has('')
}

async function hear(deps: FollowDeps, event: RecordedEvent): Promise<SetChanges | undefined> {
  const heard = heardAs(event)
  await tell(deps, event, heard)
  return await startOn(deps, deps.schedules, event, heard)
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
    for (const step of steps) {
      const command = { event: heard, steps: [step], surroundings }
      await record(session, { type: 'ReceiveEvent', ...command }, logger, event.eventId)
    }
  } catch (error) {
    // One run that cannot hear does not keep the others waiting.
    if (!(error instanceof ProblemError || error instanceof UnreadableEventError)) throw error
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
