import { isJsonArray, type Json } from '../../../kernel/json.ts'
import type { Run } from '../code.ts'
import { textOf } from '../text.ts'
import { describe, fail } from '../values.ts'
import { type BrokenDown, brokenDown, secondsOf } from './calendar.ts'
import { type Natives, value0, value1 } from './define.ts'
import { formatTime } from './format-time.ts'
import { parseTime } from './parse-time.ts'

/** In seconds since 1970, and the same before: what ECMAScript's time has. */
const LATEST = 8.64e12
const ISO = '%Y-%m-%dT%H:%M:%SZ'

/** Local time is UTC: a program gives the same wherever it runs. */
export const DATES: Natives = {
  'gmtime/0': value0((_run, input) => listOf(gmtime(input))),
  'localtime/0': value0((_run, input) => listOf(gmtime(input, 'localtime'))),
  'mktime/0': value0((_run, input) => mktime(input)),
  'strftime/1': value1((run, input, format) => strftime(run, input, format)),
  'strflocaltime/1': value1((run, input, format) => strftime(run, input, format, 'strflocaltime')),
  'strptime/1': value1((run, input, format) => listOf(strptime(run, input, format))),
  'todate/0': value0((run, input) => strftime(run, input, ISO)),
  'todateiso8601/0': value0((run, input) => strftime(run, input, ISO)),
  'date/0': value0((run, input) => strftime(run, input, ISO)),
  'fromdate/0': value0(fromDate),
  'fromdateiso8601/0': value0(fromDate),
}

function gmtime(input: Json, name = 'gmtime'): BrokenDown {
  if (typeof input !== 'number') return fail(`${name}() requires numeric inputs`)
  if (!(Math.abs(input) <= LATEST)) return fail(`${name}: ${describe(input)} is not a time`)
  return brokenDown(input)
}

function listOf(time: BrokenDown): Json {
  const { year, month, day, hours, minutes, seconds, weekday, yearday } = time
  return [year, month, day, hours, minutes, seconds, weekday, yearday]
}

function timeOf(name: string, input: Json): BrokenDown {
  if (!isJsonArray(input) || input.some((part) => !Number.isFinite(part)))
    return fail(`${name} requires parsed datetime inputs`)
  const [year = 1900, month = 0, day = 0, hours = 0, minutes = 0, seconds = 0] = input as number[]
  const normal = brokenDown(secondsOf({ year, month, day, hours, minutes, seconds }))
  return { ...normal, year, month, day, hours, minutes, seconds }
}

function mktime(input: Json): number {
  if (!isJsonArray(input)) return fail('mktime requires array inputs')
  const seconds = secondsOf(timeOf('mktime', input))
  return Number.isNaN(seconds) ? fail('invalid gmtime representation') : seconds
}

function strftime(run: Run, input: Json, format: Json, name = 'strftime'): string {
  if (typeof input !== 'number' && !isJsonArray(input))
    return fail(`${name}/1 requires parsed datetime inputs`)
  if (typeof format !== 'string') return fail(`${name}/1 requires a string format`)
  const time = typeof input === 'number' ? gmtime(input) : timeOf(`${name}/1`, input)
  run.steps(format.length)
  const text = formatTime(time, format)
  run.bytes(text.length)
  return text
}

function strptime(run: Run, input: Json, format: Json): BrokenDown {
  if (typeof input !== 'string' || typeof format !== 'string')
    return fail('strptime/1 requires string inputs and arguments')
  run.steps(input.length + format.length)
  return (
    parseTime(input, format) ??
    fail(`date ${textOf(run, input)} does not match format ${textOf(run, format)}`)
  )
}

function fromDate(run: Run, input: Json): number {
  return secondsOf(strptime(run, input, ISO))
}
