/** A time of the proleptic Gregorian calendar in UTC, as C's `struct tm` has it, with the full year. */
export type BrokenDown = {
  readonly year: number
  /** From 0. */
  readonly month: number
  /** From 1. */
  readonly day: number
  readonly hours: number
  readonly minutes: number
  /** With its fraction. */
  readonly seconds: number
  /** From 0 for Sunday. */
  readonly weekday: number
  /** From 0. */
  readonly yearday: number
}

type Fields = Pick<BrokenDown, 'year' | 'month' | 'day' | 'hours' | 'minutes' | 'seconds'>

const DAY = 86_400

/** @param time seconds since 1970. */
export function brokenDown(time: number): BrokenDown {
  // As jq cuts off the fraction, so that before 1970 it is one of the next second.
  const whole = Math.trunc(time)
  const date = new Date(whole * 1_000)
  const year = date.getUTCFullYear()
  return {
    year,
    month: date.getUTCMonth(),
    day: date.getUTCDate(),
    hours: date.getUTCHours(),
    minutes: date.getUTCMinutes(),
    seconds: date.getUTCSeconds() + (time - Math.floor(time)),
    weekday: date.getUTCDay(),
    yearday: Math.floor((whole - secondsAt(year, 0, 1)) / DAY),
  }
}

/** Seconds since 1970, without the fraction. Fields may be out of their range. */
export function secondsOf({ year, month, day, hours, minutes, seconds }: Fields): number {
  const start = secondsAt(Math.trunc(year), Math.trunc(month), Math.trunc(day))
  return start + Math.trunc(hours) * 3_600 + Math.trunc(minutes) * 60 + Math.trunc(seconds)
}

/** `Date.UTC` takes years below 100 for those of the 20th century. */
function secondsAt(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month, day) / 1_000
}

/** ISO 8601: the week that has the year's first Thursday is the first one. */
export function isoWeek({ year, month, day }: Fields): { year: number; week: number } {
  const days = secondsAt(year, month, day) / DAY
  const thursday = days - ((days + 3 + 7 * DAY) % 7) + 3
  const isoYear = new Date(thursday * DAY * 1_000).getUTCFullYear()
  return { year: isoYear, week: 1 + Math.floor((thursday - secondsAt(isoYear, 0, 1) / DAY) / 7) }
}
