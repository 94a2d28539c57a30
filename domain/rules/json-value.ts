import { Duration } from './condition/values.ts'

/** Of one value, as JSON text. */
const MAX_SHOWN = 300

/** A CEL value as JSON: instants as RFC 3339, durations in seconds like `90s`, integers beyond 2^53 as text. */
export function toJson(value: unknown): unknown {
  switch (typeof value) {
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : String(value)
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'object':
      return value === null ? null : objectToJson(value)
    default:
      return value
  }
}

function objectToJson(value: object): unknown {
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Duration) return `${value.ms / 1_000}s`
  if (Array.isArray(value)) return value.map(toJson)
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toJson(each)]))
}

/** What is shown of a value: itself, or the beginning of its text. */
export function shown(value: unknown): unknown {
  if (typeof value === 'string') return cut(value)
  if (typeof value !== 'object' || value === null) return toJson(value)
  const json = toJson(value)
  const text = JSON.stringify(json)
  return text.length <= MAX_SHOWN ? json : cut(text)
}

function cut(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`
}
