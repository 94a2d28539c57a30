import { type BrokenDown, brokenDown, secondsOf } from './calendar.ts'
import { MONTHS, WEEKDAYS } from './time-names.ts'

type Fields = {
  year: number
  month: number
  day: number
  hours: number
  minutes: number
  seconds: number
  isAfternoon: boolean | null
  yearday: number | null
  epoch: number | null
}

/** A conversion of `strptime`: what it takes, and what that says. */
type Conversion = { readonly takes: RegExp; readonly set: (fields: Fields, text: string) => void }

const number = (digits: number, set: (fields: Fields, value: number) => void): Conversion => ({
  takes: new RegExp(`\\s*([+-]?[0-9]{1,${digits}})`, 'y'),
  set: (fields, text) => set(fields, Number(text)),
})

const name = (
  names: readonly string[],
  set: (fields: Fields, index: number) => void,
): Conversion => ({
  takes: new RegExp(`(${names.map((each) => `${each}|${each.slice(0, 3)}`).join('|')})`, 'iy'),
  set: (fields, text) =>
    set(
      fields,
      names.findIndex((each) => each.slice(0, 3).toLowerCase() === text.slice(0, 3).toLowerCase()),
    ),
})

const weekday = name(WEEKDAYS, () => undefined)
const month = name(MONTHS, (fields, index) => {
  fields.month = index
})
const day = number(2, (fields, value) => {
  fields.day = value
})
const hours = number(2, (fields, value) => {
  fields.hours = value
})

const CONVERSIONS: Readonly<Record<string, Conversion>> = {
  a: weekday,
  A: weekday,
  b: month,
  B: month,
  h: month,
  d: day,
  e: day,
  H: hours,
  k: hours,
  I: hours,
  l: hours,
  j: number(3, (fields, value) => {
    fields.yearday = value - 1
  }),
  m: number(2, (fields, value) => {
    fields.month = value - 1
  }),
  M: number(2, (fields, value) => {
    fields.minutes = value
  }),
  S: number(2, (fields, value) => {
    fields.seconds = value
  }),
  s: number(15, (fields, value) => {
    fields.epoch = value
  }),
  y: number(2, (fields, value) => {
    fields.year = value + (value < 69 ? 2_000 : 1_900)
  }),
  Y: number(6, (fields, value) => {
    fields.year = value
  }),
  u: number(1, () => undefined),
  w: number(1, () => undefined),
  p: {
    takes: /(am|pm)/iy,
    set: (fields, text) => {
      fields.isAfternoon = text.toLowerCase() === 'pm'
    },
  },
  // Read and not used, as in C.
  z: { takes: /\s*(Z|[+-][0-9]{2}:?[0-9]{0,2})/y, set: () => undefined },
  Z: { takes: /([A-Za-z]+)/y, set: () => undefined },
  n: { takes: /(\s*)/y, set: () => undefined },
  t: { takes: /(\s*)/y, set: () => undefined },
  '%': { takes: /(%)/y, set: () => undefined },
}

const COMPOSED: Readonly<Record<string, string>> = {
  c: '%a %b %e %H:%M:%S %Y',
  D: '%m/%d/%y',
  x: '%m/%d/%y',
  F: '%Y-%m-%d',
  R: '%H:%M',
  r: '%I:%M:%S %p',
  T: '%H:%M:%S',
  X: '%H:%M:%S',
}

/** @returns undefined where the text is not of that format as a whole, or a field is out of its range. */
export function parseTime(text: string, format: string): BrokenDown | undefined {
  const fields: Fields = {
    year: 1_970,
    month: 0,
    day: 1,
    hours: 0,
    minutes: 0,
    seconds: 0,
    isAfternoon: null,
    yearday: null,
    epoch: null,
  }
  const whole = format.replace(/%([cDxFRrTX])/g, (_all, letter: string) => COMPOSED[letter] ?? '')
  const end = readAll(text, whole, fields)
  return end === text.length && isInRange(fields) ? timeOf(fields) : undefined
}

/** @returns how far it came, or -1. */
function readAll(text: string, format: string, fields: Fields): number {
  let at = 0
  for (const [piece] of format.matchAll(/%[a-zA-Z%]|\s+|[\s\S]/g)) {
    const next = readPiece(text, at, piece, fields)
    if (next === -1) return -1
    at = next
  }
  return at
}

function readPiece(text: string, at: number, piece: string, fields: Fields): number {
  if (/^\s/.test(piece)) return at + (/^\s*/.exec(text.slice(at))?.[0].length ?? 0)
  if (piece.length === 1) return text[at] === piece ? at + 1 : -1
  const conversion = CONVERSIONS[piece.slice(1)]
  if (conversion === undefined) return -1
  conversion.takes.lastIndex = at
  const found = conversion.takes.exec(text)
  if (found === null) return -1
  conversion.set(fields, found[1] ?? '')
  return at + found[0].length
}

function isInRange({ month, day, hours, minutes, seconds }: Fields): boolean {
  return (
    month >= 0 &&
    month < 12 &&
    day >= 1 &&
    day <= 31 &&
    hours >= 0 &&
    hours < 24 &&
    minutes >= 0 &&
    minutes < 60 &&
    seconds >= 0 &&
    seconds <= 61
  )
}

function timeOf(fields: Fields): BrokenDown {
  if (fields.epoch !== null) return brokenDown(fields.epoch)
  const { isAfternoon, yearday, ...rest } = fields
  const hours = isAfternoon === null ? rest.hours : (rest.hours % 12) + (isAfternoon ? 12 : 0)
  const date = yearday === null ? rest : { ...rest, month: 0, day: yearday + 1 }
  const { year, month, day, minutes, seconds } = date
  const normal = brokenDown(secondsOf({ year, month, day, hours, minutes, seconds }))
  // A leap second stays one.
  return { ...normal, hours, minutes, seconds }
}
