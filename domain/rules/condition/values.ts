import type { SourceRange } from '@marcbachmann/cel-js'
import { isRecord } from '../../kernel/json.ts'
import { charge, chargeText, EvaluationFault, type Run } from './run.ts'

// CEL values in JavaScript: int is bigint, double number, timestamp Date, map a plain object with
// string keys; string, bool, null and list are what they are.

/** A span of time. Milliseconds, because that is what timestamps have. */
export class Duration {
  readonly ms: number

  constructor(ms: number) {
    this.ms = ms
  }
}

export type CelRecord = Readonly<Record<string, unknown>>

export function isCelRecord(value: unknown): value is CelRecord {
  return isRecord(value) && !(value instanceof Date) && !(value instanceof Duration)
}

/** CEL's name of a value's type. */
export function typeName(value: unknown): string {
  switch (typeof value) {
    case 'bigint':
      return 'int'
    case 'number':
      return 'double'
    case 'string':
      return 'string'
    case 'boolean':
      return 'bool'
    default:
      if (value === null) return 'null'
      if (Array.isArray(value)) return 'list'
      if (value instanceof Date) return 'timestamp'
      return value instanceof Duration ? 'duration' : 'map'
  }
}

/** Values of types that never compare are not equal; int and double compare by their number. */
export function equals(run: Run, a: unknown, b: unknown, at: SourceRange): boolean {
  if (a === b) return true
  if (isNumeric(a) && isNumeric(b)) return Number.isNaN(a) ? false : compareNumbers(a, b) === 0
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) {
    if (typeof a === 'string' && typeof b === 'string') chargeText(run, a.length, at)
    return false
  }
  return equalObjects(run, a, b, at)
}

function equalObjects(run: Run, a: object, b: object, at: SourceRange): boolean {
  if (a instanceof Date || b instanceof Date)
    return a instanceof Date && b instanceof Date && a.getTime() === b.getTime()
  if (a instanceof Duration || b instanceof Duration)
    return a instanceof Duration && b instanceof Duration && a.ms === b.ms
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    charge(run, a.length, at)
    return a.every((item, index) => equals(run, item, b[index], at))
  }
  const left = a as CelRecord
  const right = b as CelRecord
  const keys = Object.keys(left)
  if (keys.length !== Object.keys(right).length) return false
  charge(run, keys.length, at)
  return keys.every((key) => Object.hasOwn(right, key) && equals(run, left[key], right[key], at))
}

/** @returns below, at or above zero; NaN when one of them is NaN. */
export function compare(a: unknown, b: unknown, operator: string, at: SourceRange): number {
  if (isNumeric(a) && isNumeric(b)) return compareNumbers(a, b)
  if (typeof a === 'string' && typeof b === 'string') return a < b ? -1 : a > b ? 1 : 0
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b)
  if (a instanceof Date && b instanceof Date) return a.getTime() - b.getTime()
  if (a instanceof Duration && b instanceof Duration) return a.ms - b.ms
  throw noOverload(a, operator, b, at)
}

export function isNumeric(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

/** JavaScript compares a bigint with a number by their mathematical values. */
function compareNumbers(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1
  if (a > b) return 1
  return Number.isNaN(a) || Number.isNaN(b) ? Number.NaN : 0
}

export function noOverload(
  a: unknown,
  operator: string,
  b: unknown,
  at: SourceRange,
): EvaluationFault {
  return new EvaluationFault(`There is no ${typeName(a)} ${operator} ${typeName(b)}.`, at)
}
