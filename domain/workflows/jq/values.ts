import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/json.ts'
import type { Budget } from './budget.ts'
import { Raised } from './errors.ts'
import { excerptOf } from './text.ts'

export type TypeName = 'null' | 'boolean' | 'number' | 'string' | 'array' | 'object'

export function typeOf(value: Json): TypeName {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  return typeof value as TypeName
}

export function isTrue(value: Json): boolean {
  return value !== null && value !== false
}

/** `number (1)`: how jq's messages name a value. */
export function describe(value: Json): string {
  return `${typeOf(value)} (${excerptOf(value)})`
}

export function fail(message: string): never {
  throw new Raised(message)
}

/** Own key or null. */
export function member(object: JsonObject, key: string): Json {
  return Object.hasOwn(object, key) ? (object[key] ?? null) : null
}

export function setMember(object: { [key: string]: Json }, key: string, value: Json): void {
  if (key === '__proto__')
    Object.defineProperty(object, key, {
      value,
      enumerable: true,
      configurable: true,
      writable: true,
    })
  else object[key] = value
}

const ORDER: Readonly<Record<TypeName, number>> = {
  null: 0,
  boolean: 1,
  number: 3,
  string: 4,
  array: 5,
  object: 6,
}

/** jq's order of all values: null, false, true, numbers, strings, arrays, objects. */
export function compare(budget: Budget, left: Json, right: Json): number {
  budget.step()
  if (typeof left === 'number' && typeof right === 'number') return compareNumbers(left, right)
  if (typeof left === 'string' && typeof right === 'string') return compareStrings(left, right)
  if (typeof left === 'boolean' && typeof right === 'boolean') return Number(left) - Number(right)
  if (isJsonArray(left) && isJsonArray(right)) return compareArrays(budget, left, right)
  if (isJsonObject(left) && isJsonObject(right)) return compareObjects(budget, left, right)
  return ORDER[typeOf(left)] - ORDER[typeOf(right)]
}

export function equal(budget: Budget, left: Json, right: Json): boolean {
  if (typeof left !== 'object' || typeof right !== 'object') return left === right
  return compare(budget, left, right) === 0
}

// Not a number is less than any number, and than itself.
function compareNumbers(left: number, right: number): number {
  return left < right || Number.isNaN(left) ? -1 : left === right ? 0 : 1
}

/** By code points, which differ in order from UTF-16 only above U+D7FF. */
export function compareStrings(left: string, right: string): number {
  if (left === right) return 0
  const shorter = Math.min(left.length, right.length)
  let index = 0
  while (index < shorter && left.charCodeAt(index) === right.charCodeAt(index)) index++
  if (index === shorter) return left.length - right.length
  return rank(left.charCodeAt(index)) - rank(right.charCodeAt(index))
}

/** Surrogates stand for code points above all that one unit can be. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

function compareArrays(budget: Budget, left: readonly Json[], right: readonly Json[]): number {
  const shorter = Math.min(left.length, right.length)
  for (let index = 0; index < shorter; index++) {
    const order = compare(budget, left[index] ?? null, right[index] ?? null)
    if (order !== 0) return order
  }
  return left.length - right.length
}

function compareObjects(budget: Budget, left: JsonObject, right: JsonObject): number {
  const leftKeys = sortedKeys(budget, left)
  const rightKeys = sortedKeys(budget, right)
  const order = compareArrays(budget, leftKeys, rightKeys)
  if (order !== 0) return order
  for (const key of leftKeys) {
    const difference = compare(budget, member(left, key), member(right, key))
    if (difference !== 0) return difference
  }
  return 0
}

export function sortedKeys(budget: Budget, object: JsonObject): readonly string[] {
  const keys = Object.keys(object)
  budget.steps(keys.length)
  return keys.sort(compareStrings)
}
