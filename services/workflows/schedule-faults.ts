import { Cron } from 'croner'
import { within } from '../../domain/kernel/pointer.ts'
import { type Fault, MAX_DETAIL } from '../../domain/workflows/checks/fault.ts'
import type { WorkflowDocument } from '../../domain/workflows/document.ts'
import type { Duration } from '../../domain/workflows/document-parts.ts'
import { durationMs } from '../../domain/workflows/run/duration.ts'
import { timeZoneOf } from '../../domain/workflows/task-metadata.ts'

/** What is shorter would be a loop without end. */
export const MIN_INTERVAL_MS = 1_000
/** A schedule is one of them. */
const KINDS = ['every', 'cron', 'after', 'on'] as const

export function scheduleFaults(document: WorkflowDocument): readonly Fault[] {
  const { schedule } = document
  const timeZone = timeZoneOf(document.document.metadata)
  const faults = isTimeZone(timeZone)
    ? []
    : [
        {
          pointer: within('/document/metadata', 'tidemark.timezone'),
          detail: `"${timeZone}" is not a time zone of the IANA database`,
        },
      ]
  if (schedule === undefined) return faults
  const present = KINDS.filter((kind) => schedule[kind] !== undefined)
  if (present.length !== 1)
    return [...faults, { pointer: '/schedule', detail: `must be one of ${KINDS.join(', ')}` }]
  return [
    ...faults,
    ...cronFaults(schedule.cron),
    ...intervalFaults(schedule),
    ...onFaults(schedule),
  ]
}

/** A run begins when all of these came: of none that is never. */
function onFaults({ on }: NonNullable<WorkflowDocument['schedule']>): readonly Fault[] {
  if (on === undefined || !('all' in on) || on.all.length > 0) return []
  return [{ pointer: '/schedule/on/all', detail: 'names no event that could start a run' }]
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}

function cronFaults(cron: string | undefined): readonly Fault[] {
  if (cron === undefined) return []
  const pointer = '/schedule/cron'
  try {
    const next = new Cron(cron, { mode: '5-part', timezone: 'UTC', paused: true }).nextRun()
    return next === null ? [{ pointer, detail: 'it names no time that will come' }] : []
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it cannot be read'
    return [
      { pointer, detail: `is no cron expression of five fields: ${reason}`.slice(0, MAX_DETAIL) },
    ]
  }
}

type Schedule = NonNullable<WorkflowDocument['schedule']>

/** Nothing is there yet that an expression could be about. */
function intervalFaults({ every, after }: Schedule): readonly Fault[] {
  return Object.entries({ every, after }).flatMap(([member, value]) => {
    const detail = value === undefined ? undefined : intervalFault(value)
    return detail === undefined ? [] : [{ pointer: within('/schedule', member), detail }]
  })
}

function intervalFault(value: Duration): string | undefined {
  if (typeof value === 'string' && !value.startsWith('P')) return 'must be a duration such as PT1H'
  const parts = typeof value === 'string' ? [] : Object.values(value)
  // That it is negative is said of every duration.
  if (parts.some((part) => part < 0)) return undefined
  return durationMs(value) < MIN_INTERVAL_MS ? 'must be a second or longer' : undefined
}
