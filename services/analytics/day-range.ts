import type { DayRange } from '../../projections/analytics/usage.ts'
import { problem } from '../kernel/problem.ts'

const DAY_MS = 86_400_000
const DEFAULT_DAYS = 30
const MAX_DAYS = 400

/** @throws {ProblemError} 422 when the range is backwards or too long. */
export function dayRange(
  asked: { readonly from?: string | undefined; readonly to?: string | undefined },
  now: Date,
): DayRange {
  const to = asked.to ?? utcDay(now.getTime())
  const from = asked.from ?? utcDay(Date.parse(to) - (DEFAULT_DAYS - 1) * DAY_MS)
  const days = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1
  if (days < 1) throw problem(422, 'bad-range', 'The range ends before it begins.')
  if (days > MAX_DAYS)
    throw problem(422, 'bad-range', `A range may have ${MAX_DAYS} days, this has ${days}.`)
  return { from, to }
}

function utcDay(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
