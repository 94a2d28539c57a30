import type { ScheduledSet } from '../../domain/workflows/run/scheduled.ts'
import type { Position } from './event-store.ts'
import type { RunKey } from './run-claims.ts'

/** That a step of a run waits for a time. */
export type TimerRow = RunKey & { readonly step: number; readonly dueAt: Date }

/** That a step of a run waits for events of a type; '' = of any type. */
export type ListenerRow = RunKey & {
  readonly step: number
  readonly type: string
  /** It began to listen there: earlier events are not meant. */
  readonly since: Position
}

/** What came and went since the position before, each step in one of the lists that add. */
export type WaitChanges = {
  /** Steps that wait for nothing any more. Carried out first. */
  readonly over: readonly (RunKey & { readonly step: number })[]
  readonly runsOver: readonly RunKey[]
  readonly timers: readonly TimerRow[]
  readonly listeners: readonly ListenerRow[]
}

/** A workflow whose runs events start. */
export type ScheduleKey = { readonly tenantId: string; readonly workflow: string }

/** Events that came of those that start a run together. */
export type SetRow = ScheduleKey & {
  /** The id of its first event. */
  readonly setId: string
  /** The place of that event. */
  readonly opened: Position
  readonly set: ScheduledSet
}

export type SetChanges = {
  /** Workflows of another version, or switched off, have none. Carried out first. */
  readonly schedulesOver: readonly ScheduleKey[]
  readonly kept: readonly SetRow[]
  readonly over: readonly SetRow[]
}

/** What runs wait for, and what workflows that events start wait for: rows that follow from the log, up to a position. */
export interface RunWaits {
  position(): Promise<Position>

  /** In one transaction; repeating it changes nothing. */
  apply(changes: WaitChanges, through: Position, sets?: SetChanges): Promise<void>

  /** Timers that are due, the oldest first. */
  due(now: Date, limit: number): Promise<readonly TimerRow[]>

  /** When the next timer is due; undefined when there is none. */
  nextDue(): Promise<Date | undefined>

  /** These timers are done with. */
  fired(timers: readonly TimerRow[]): Promise<void>

  /** These timers, which are due, are looked at again then. */
  postponed(timers: readonly TimerRow[], until: Date): Promise<void>

  /** Who listens to events of this type of the tenant. */
  listeners(tenantId: string, type: string): Promise<readonly ListenerRow[]>

  /** Of the workflow, the oldest first. */
  openSets(schedule: ScheduleKey): Promise<readonly SetRow[]>

  /** Every type that somebody listens to. */
  listenedTo(): Promise<readonly string[]>
}
