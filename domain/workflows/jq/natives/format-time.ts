import { type BrokenDown, isoWeek, secondsOf } from './calendar.ts'
import { MONTHS, WEEKDAYS } from './time-names.ts'

type Field = (time: BrokenDown) => string

const two = (value: number): string => String(Math.trunc(value)).padStart(2, '0')
const spaced = (value: number): string => String(Math.trunc(value)).padStart(2, ' ')
const hours12 = ({ hours }: BrokenDown): number => ((hours + 11) % 12) + 1
const weekday = (time: BrokenDown): string => WEEKDAYS[time.weekday] ?? ''
const month = (time: BrokenDown): string => MONTHS[time.month] ?? ''

/** Conversions of `strftime` in the C locale. */
const FIELDS: Readonly<Record<string, Field>> = {
  a: (time) => weekday(time).slice(0, 3),
  A: weekday,
  b: (time) => month(time).slice(0, 3),
  h: (time) => month(time).slice(0, 3),
  B: month,
  c: (time) => formatTime(time, '%a %b %e %H:%M:%S %Y'),
  C: ({ year }) => two(Math.floor(year / 100)),
  d: ({ day }) => two(day),
  D: (time) => formatTime(time, '%m/%d/%y'),
  e: ({ day }) => spaced(day),
  F: (time) => formatTime(time, '%Y-%m-%d'),
  g: (time) => two(isoWeek(time).year % 100),
  G: (time) => String(isoWeek(time).year),
  H: ({ hours }) => two(hours),
  I: (time) => two(hours12(time)),
  j: ({ yearday }) => String(yearday + 1).padStart(3, '0'),
  k: ({ hours }) => spaced(hours),
  l: (time) => spaced(hours12(time)),
  m: (time) => two(time.month + 1),
  M: ({ minutes }) => two(minutes),
  n: () => '\n',
  p: ({ hours }) => (hours < 12 ? 'AM' : 'PM'),
  P: ({ hours }) => (hours < 12 ? 'am' : 'pm'),
  r: (time) => formatTime(time, '%I:%M:%S %p'),
  R: (time) => formatTime(time, '%H:%M'),
  s: (time) => String(secondsOf(time)),
  S: ({ seconds }) => two(seconds),
  t: () => '\t',
  T: (time) => formatTime(time, '%H:%M:%S'),
  u: (time) => String(time.weekday === 0 ? 7 : time.weekday),
  U: ({ yearday, weekday: day }) => two(Math.floor((yearday + 7 - day) / 7)),
  V: (time) => two(isoWeek(time).week),
  w: (time) => String(time.weekday),
  W: ({ yearday, weekday: day }) => two(Math.floor((yearday + 7 - ((day + 6) % 7)) / 7)),
  x: (time) => formatTime(time, '%m/%d/%y'),
  X: (time) => formatTime(time, '%H:%M:%S'),
  y: ({ year }) => two(((year % 100) + 100) % 100),
  Y: ({ year }) => yearText(year),
  z: () => '+0000',
  Z: () => 'UTC',
  '%': () => '%',
}

/** What is not a conversion stays as it is. */
export function formatTime(time: BrokenDown, format: string): string {
  return format.replace(/%([a-zA-Z%])/g, (all, letter: string) => FIELDS[letter]?.(time) ?? all)
}

/** Of years from 0 to 9999 four digits; others have a sign. */
function yearText(year: number): string {
  if (year < 0) return `-${String(-year).padStart(3, '0')}`
  return year > 9_999 ? `+${year}` : String(year).padStart(4, '0')
}
