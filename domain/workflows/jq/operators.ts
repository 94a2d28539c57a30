import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/json.ts'
import type { Budget } from './budget.ts'
import type { BinaryOperator } from './syntax.ts'
import { compare, describe, equal, fail, member, setMember } from './values.ts'

export type Operator = (budget: Budget, left: Json, right: Json) => Json

export const OPERATORS: Readonly<Record<BinaryOperator, Operator>> = {
  '+': add,
  '-': subtract,
  '*': multiply,
  '/': divide,
  '%': modulo,
  '==': (budget, left, right) => equal(budget, left, right),
  '!=': (budget, left, right) => !equal(budget, left, right),
  '<': (budget, left, right) => compare(budget, left, right) < 0,
  '<=': (budget, left, right) => compare(budget, left, right) <= 0,
  '>': (budget, left, right) => compare(budget, left, right) > 0,
  '>=': (budget, left, right) => compare(budget, left, right) >= 0,
}

export function add(budget: Budget, left: Json, right: Json): Json {
  if (typeof left === 'number' && typeof right === 'number') return left + right
  if (typeof left === 'string' && typeof right === 'string') {
    // Long texts grow without a copy.
    budget.bytes(16 + Math.min(left.length, right.length))
    return left + right
  }
  if (left === null) return right
  if (right === null) return left
  if (isJsonArray(left) && isJsonArray(right)) {
    charge(budget, left.length + right.length)
    return left.concat(right)
  }
  if (isJsonObject(left) && isJsonObject(right)) {
    charge(budget, 4 * (Object.keys(left).length + Object.keys(right).length))
    return { ...left, ...right }
  }
  return fail(`${describe(left)} and ${describe(right)} cannot be added`)
}

/** Copying is cheap beside evaluating, but not free. */
function charge(budget: Budget, elements: number): void {
  budget.steps(elements >> 2)
  budget.bytes(8 * elements)
}

export function subtract(budget: Budget, left: Json, right: Json): Json {
  if (typeof left === 'number' && typeof right === 'number') return left - right
  if (isJsonArray(left) && isJsonArray(right)) {
    charge(budget, left.length)
    return left.filter((each) => !right.some((other) => equalTo(budget, each, other)))
  }
  return fail(`${describe(left)} and ${describe(right)} cannot be subtracted`)
}

function equalTo(budget: Budget, left: Json, right: Json): boolean {
  budget.step()
  return equal(budget, left, right)
}

function multiply(budget: Budget, left: Json, right: Json): Json {
  if (typeof left === 'number' && typeof right === 'number') return left * right
  if (typeof left === 'string' && typeof right === 'number') return repeat(budget, left, right)
  if (typeof left === 'number' && typeof right === 'string') return repeat(budget, right, left)
  if (isJsonObject(left) && isJsonObject(right)) return merge(budget, left, right)
  return fail(`${describe(left)} and ${describe(right)} cannot be multiplied`)
}

function repeat(budget: Budget, text: string, times: number): Json {
  if (!(times >= 0)) return null
  const whole = Math.floor(times)
  budget.bytes(text.length * whole)
  return text.length === 0 ? '' : text.repeat(whole)
}

function merge(budget: Budget, left: JsonObject, right: JsonObject): JsonObject {
  charge(budget, 2 * (Object.keys(left).length + Object.keys(right).length))
  const merged: { [key: string]: Json } = { ...left }
  for (const key of Object.keys(right)) {
    const before = member(left, key)
    const after = member(right, key)
    const isDeep = isJsonObject(before) && isJsonObject(after)
    setMember(merged, key, isDeep ? merge(budget, before, after) : after)
  }
  return merged
}

function divide(budget: Budget, left: Json, right: Json): Json {
  if (typeof left === 'number' && typeof right === 'number') {
    if (right === 0) return byZero(left, right, 'divided')
    return left / right
  }
  if (typeof left === 'string' && typeof right === 'string') return split(budget, left, right)
  return fail(`${describe(left)} and ${describe(right)} cannot be divided`)
}

function byZero(left: number, right: number, what: string): never {
  return fail(
    `${describe(left)} and ${describe(right)} cannot be ${what} because the divisor is zero`,
  )
}

export function split(budget: Budget, text: string, separator: string): readonly string[] {
  if (text === '') return []
  budget.steps(text.length >> 4)
  const parts = separator === '' ? Array.from(text) : text.split(separator)
  budget.bytes(text.length + 16 * parts.length)
  return parts
}

function modulo(_run: Budget, left: Json, right: Json): Json {
  if (typeof left !== 'number' || typeof right !== 'number')
    return fail(`${describe(left)} and ${describe(right)} cannot be divided (remainder)`)
  if (Number.isNaN(left) || Number.isNaN(right)) return Number.NaN
  const divisor = Math.abs(toInteger(right))
  if (divisor === 0) return byZero(left, right, 'divided (remainder)')
  const rest = toInteger(left) % divisor
  return rest === 0 ? 0 : rest
}

const INTEGERS = 2 ** 63

/** As C casts to 64 bits, without the overflow. */
function toInteger(value: number): number {
  return Math.trunc(Math.max(-INTEGERS, Math.min(value, INTEGERS)))
}

export function negate(value: Json): number {
  return typeof value === 'number' ? -value : fail(`${describe(value)} cannot be negated`)
}
