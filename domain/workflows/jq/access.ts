import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/json.ts'
import type { Budget } from './budget.ts'
import { describe, equal, fail, member, typeOf } from './values.ts'

/** `value[key]` */
export function index(budget: Budget, value: Json, key: Json): Json {
  if (typeof key === 'string') return field(value, key)
  if (isJsonArray(value)) {
    if (typeof key === 'number') return element(value, key)
    if (isJsonObject(key)) return slice(budget, value, key)
    if (isJsonArray(key)) return placesOf(budget, value, key)
  } else if (value === null) {
    if (typeof key === 'number' || isJsonObject(key)) return null
  } else if (typeof value === 'string' && isJsonObject(key)) return slice(budget, value, key)
  return cannotIndex(value, key)
}

/** `value.key` */
export function field(value: Json, key: string): Json {
  if (isJsonObject(value)) return member(value, key)
  return value === null ? null : cannotIndex(value, key)
}

function cannotIndex(value: Json, key: Json): never {
  return fail(`Cannot index ${typeOf(value)} with ${describe(key)}`)
}

function element(value: readonly Json[], key: number): Json {
  const at = Math.floor(key)
  return value[at < 0 ? at + value.length : at] ?? null
}

/** The bounds of a slice of something `length` long. */
export function boundsOf(slice: JsonObject, length: number): { from: number; to: number } {
  if (!Object.hasOwn(slice, 'start') || !Object.hasOwn(slice, 'end')) notBounds()
  const start = boundOf(member(slice, 'start'), 0, length)
  const end = boundOf(member(slice, 'end'), length, length)
  const from = Math.floor(start)
  return { from, to: Math.max(from, Math.ceil(end)) }
}

function notBounds(): never {
  return fail('Array/string slice indices must be integers')
}

function boundOf(value: Json, missing: number, length: number): number {
  if (value === null) return missing
  if (typeof value !== 'number') return notBounds()
  if (Number.isNaN(value)) return missing
  return Math.max(0, Math.min(value < 0 ? value + length : value, length))
}

function slice(budget: Budget, value: readonly Json[] | string, key: JsonObject): Json {
  if (typeof value !== 'string') {
    const { from, to } = boundsOf(key, value.length)
    budget.bytes(8 * (to - from))
    return value.slice(from, to)
  }
  budget.steps(value.length >> 4)
  if (isPlain(value)) {
    const { from, to } = boundsOf(key, value.length)
    budget.bytes(to - from)
    return value.slice(from, to)
  }
  const points = Array.from(value)
  const { from, to } = boundsOf(key, points.length)
  budget.bytes(value.length)
  return points.slice(from, to).join('')
}

const SURROGATES = /[\ud800-\udfff]/

/** Whether each code point is one UTF-16 unit. */
export function isPlain(text: string): boolean {
  return !SURROGATES.test(text)
}

/** Where `part` begins in `whole`. */
export function placesOf(
  budget: Budget,
  whole: readonly Json[],
  part: readonly Json[],
): readonly number[] {
  const places: number[] = []
  if (part.length === 0) return places
  for (let at = 0; at + part.length <= whole.length; at++) {
    budget.step()
    if (part.every((each, offset) => equal(budget, whole[at + offset] ?? null, each)))
      places.push(at)
  }
  budget.bytes(8 * places.length)
  return places
}

/** `value[]`, with the key of each. */
export function iterate(
  budget: Budget,
  value: Json,
  visit: (each: Json, key: string | number) => void,
): void {
  if (isJsonArray(value)) {
    for (let at = 0; at < value.length; at++) {
      budget.step()
      visit(value[at] ?? null, at)
    }
  } else if (isJsonObject(value)) {
    for (const key of Object.keys(value)) {
      budget.step()
      visit(value[key] ?? null, key)
    }
  } else cannotIterate(value)
}

export function cannotIterate(value: Json): never {
  return fail(`Cannot iterate over ${describe(value)}`)
}
