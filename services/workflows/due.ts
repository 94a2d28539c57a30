import { Cron } from 'croner'
import type { Json } from '../../domain/kernel/json.ts'
import { durationMs } from '../../domain/workflows/run/duration.ts'
import { MIN_INTERVAL_MS } from './schedule-faults.ts'

// When a schedule is due. Of what was missed while nobody looked, only the last time counts.

export type Schedule = {
  readonly cron?: string
  readonly every?: Json
  readonly after?: Json
}

export type ScheduleSituation = {
  readonly schedule: Schedule
  readonly timeZone: string
  /** When the schedule began to count: what was due before is not owed. */
  readonly since: Date
  /** The run that it started last; `endedAt` is null while it goes on. */
  readonly last: { readonly runId: string; readonly endedAt: Date | null } | undefined
}

/** What a run that is due is known by: two who look find the same. */
export type DueRun = { readonly occasion: string }

/** @returns what should have been started by now; undefined when nothing is due yet. */
export function dueAt(situation: ScheduleSituation, now: Date): DueRun | undefined {
  const { schedule, since, timeZone } = situation
  if (schedule.cron !== undefined) return byClock(lastOf(schedule.cron, timeZone, now), since)
  if (schedule.every !== undefined) return byClock(lastEvery(schedule.every, since, now), since)
  if (schedule.after !== undefined) return afterLast(schedule.after, situation, now)
  return undefined
}

function byClock(instant: Date | undefined, since: Date): DueRun | undefined {
  return instant === undefined || instant <= since ? undefined : { occasion: instant.toISOString() }
}

function lastOf(cron: string, timezone: string, now: Date): Date | undefined {
  const pattern = new Cron(cron, { mode: '5-part', timezone, paused: true })
  const [last] = pattern.previousRuns(1, new Date(now.getTime() + 1))
  return last
}

function lastEvery(every: Json, since: Date, now: Date): Date | undefined {
  const interval = Math.max(MIN_INTERVAL_MS, durationMs(every))
  const count = Math.floor((now.getTime() - since.getTime()) / interval)
  return count < 1 ? undefined : new Date(since.getTime() + count * interval)
}

/** At once for the first time, then so long after the run before it ended. */
function afterLast(after: Json, { last }: ScheduleSituation, now: Date): DueRun | undefined {
  if (last === undefined) return { occasion: 'first' }
  if (last.endedAt === null) return undefined
  if (last.endedAt.getTime() + durationMs(after) > now.getTime()) return undefined
  return { occasion: `after ${last.runId}` }
}
