import type { SourceRange } from '@marcbachmann/cel-js'
import { instant, int64 } from './operators.ts'
import { charge, chargeText, EvaluationFault, type Run } from './run.ts'
import { Duration, isCelRecord, typeName } from './values.ts'

type Implementation = (run: Run, at: SourceRange, a: unknown, b: unknown, c: unknown) => unknown

/** The functions of conditions, by `name/arguments`, the receiver of a method being the first. What is not here is refused. */
export const FUNCTIONS: ReadonlyMap<string, Implementation> = new Map<string, Implementation>([
  ['dyn/1', (_run, _at, value) => value],
  ['size/1', size],
  ['string/1', toText],
  ['int/1', toInt],
  ['double/1', toDouble],
  ['bool/1', toBool],
  ['timestamp/1', toTimestamp],
  ['duration/1', (_, at, text) => toDuration(asText(text, at), at)],
])

/** The methods; see FUNCTIONS. */
export const METHODS: ReadonlyMap<string, Implementation> = new Map<string, Implementation>([
  ['size/1', size],
  ['startsWith/2', onTexts((a, b) => a.startsWith(b))],
  ['endsWith/2', onTexts((a, b) => a.endsWith(b))],
  ['contains/2', onTexts((a, b) => a.includes(b))],
  ['indexOf/2', onTexts((a, b) => BigInt(a.indexOf(b)))],
  ['lastIndexOf/2', onTexts((a, b) => BigInt(a.lastIndexOf(b)))],
  ['split/2', onTexts((a, b) => a.split(b))],
  ['lowerAscii/1', onText((a) => a.toLowerCase())],
  ['upperAscii/1', onText((a) => a.toUpperCase())],
  ['trim/1', onText((a) => a.trim())],
  ['substring/2', (run, at, a, from) => substring(run, at, asText(a, at), from, undefined)],
  ['substring/3', (run, at, a, from, to) => substring(run, at, asText(a, at), from, to)],
  ['join/1', (run, at, list) => join(run, at, list, '')],
  ['join/2', (run, at, list, separator) => join(run, at, list, asText(separator, at))],
  ['getFullYear/1', onInstant((d) => d.getUTCFullYear())],
  ['getMonth/1', onInstant((d) => d.getUTCMonth())],
  ['getDate/1', onInstant((d) => d.getUTCDate())],
  ['getDayOfMonth/1', onInstant((d) => d.getUTCDate() - 1)],
  ['getDayOfWeek/1', onInstant((d) => d.getUTCDay())],
  ['getHours/1', onTime(3_600_000, (d) => d.getUTCHours())],
  ['getMinutes/1', onTime(60_000, (d) => d.getUTCMinutes())],
  ['getSeconds/1', onTime(1_000, (d) => d.getUTCSeconds())],
  ['getMilliseconds/1', onTime(1, (d) => d.getUTCMilliseconds())],
])

function asText(value: unknown, at: SourceRange): string {
  if (typeof value === 'string') return value
  throw new EvaluationFault(`A string is needed here, this is ${typeName(value)}.`, at)
}

function onText(work: (text: string) => unknown): Implementation {
  return (run, at, a) => {
    const text = asText(a, at)
    chargeText(run, text.length, at)
    return work(text)
  }
}

function onTexts(work: (a: string, b: string) => unknown): Implementation {
  return (run, at, a, b) => {
    const text = asText(a, at)
    const other = asText(b, at)
    chargeText(run, text.length + other.length, at)
    return work(text, other)
  }
}

function onInstant(work: (date: Date) => number): Implementation {
  return (_, at, value) => {
    if (value instanceof Date) return BigInt(work(value))
    throw new EvaluationFault(`A timestamp is needed here, this is ${typeName(value)}.`, at)
  }
}

/** Of a timestamp the part, in UTC; of a duration the whole in that unit. */
function onTime(unitMs: number, work: (date: Date) => number): Implementation {
  const ofInstant = onInstant(work)
  return (run, at, value, b, c) =>
    value instanceof Duration
      ? BigInt(Math.trunc(value.ms / unitMs))
      : ofInstant(run, at, value, b, c)
}

/** Of a string the code points. */
function size(run: Run, at: SourceRange, value: unknown): bigint {
  if (typeof value === 'string') {
    chargeText(run, value.length, at)
    let count = 0
    for (const _ of value) count++
    return BigInt(count)
  }
  if (Array.isArray(value)) return BigInt(value.length)
  if (isCelRecord(value)) return BigInt(Object.keys(value).length)
  throw new EvaluationFault(`${typeName(value)} has no size.`, at)
}

function substring(
  run: Run,
  at: SourceRange,
  text: string,
  from: unknown,
  to: unknown = BigInt(text.length),
): string {
  chargeText(run, text.length, at)
  const bounded = typeof from === 'bigint' && typeof to === 'bigint' && from >= 0n && from <= to
  if (!bounded || to > BigInt(text.length))
    throw new EvaluationFault('The substring is not within the text.', at)
  return text.substring(Number(from), Number(to))
}

function join(run: Run, at: SourceRange, list: unknown, separator: string): string {
  if (!Array.isArray(list) || !list.every((each) => typeof each === 'string'))
    throw new EvaluationFault('Only a list of strings can be joined.', at)
  charge(run, list.length, at)
  const joined = list.join(separator)
  chargeText(run, joined.length, at)
  return joined
}

function toText(_: Run, at: SourceRange, value: unknown): string {
  if (typeof value === 'string') return value
  if (value === Number.POSITIVE_INFINITY) return '+Inf'
  if (value === Number.NEGATIVE_INFINITY) return '-Inf'
  if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'bigint')
    return `${value}`
  throw new EvaluationFault(`${typeName(value)} cannot be made a string.`, at)
}

function toInt(_: Run, at: SourceRange, value: unknown): bigint {
  if (typeof value === 'bigint') return value
  if (typeof value === 'number' && Number.isFinite(value))
    return int64(BigInt(Math.trunc(value)), at)
  if (typeof value === 'string' && /^[-+]?\d{1,20}$/.test(value)) return int64(BigInt(value), at)
  throw new EvaluationFault(`This ${typeName(value)} is not an int.`, at)
}

function toDouble(_: Run, at: SourceRange, value: unknown): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  if (typeof value === 'string' && /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d{1,4})?$/i.test(value))
    return Number(value)
  throw new EvaluationFault(`This ${typeName(value)} is not a double.`, at)
}

const BOOLS: ReadonlyMap<unknown, boolean> = new Map<unknown, boolean>([
  [true, true],
  [false, false],
  ...['1', 't', 'true', 'TRUE', 'True'].map((text) => [text, true] as const),
  ...['0', 'f', 'false', 'FALSE', 'False'].map((text) => [text, false] as const),
])

function toBool(_: Run, at: SourceRange, value: unknown): boolean {
  const bool = BOOLS.get(value)
  if (bool === undefined) throw new EvaluationFault(`This ${typeName(value)} is not a bool.`, at)
  return bool
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[-+]\d\d:\d\d)$/

function toTimestamp(_: Run, at: SourceRange, value: unknown): Date {
  if (value instanceof Date) return value
  if (typeof value === 'bigint') return instant(Number(value) * 1_000, at)
  if (typeof value === 'string' && RFC_3339.test(value)) return instant(Date.parse(value), at)
  throw new EvaluationFault(`This ${typeName(value)} is not a timestamp (RFC 3339).`, at)
}

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 }

/** Like Go's durations: `1h30m`, `-1.5s`, `250ms`. */
function toDuration(text: string, at: SourceRange): Duration {
  const [, sign, parts] = /^([-+]?)((?:\d{1,12}(?:\.\d{1,9})?(?:h|ms|m|s)){1,8})$/.exec(text) ?? []
  if (parts === undefined)
    throw new EvaluationFault('A duration is written like "1h30m" or "250ms".', at)
  let ms = 0
  for (const [, count, unit = ''] of parts.matchAll(/([\d.]+)(h|ms|m|s)/g))
    ms += Number(count) * (UNIT_MS[unit] ?? 0)
  return new Duration(sign === '-' ? -ms : ms)
}
