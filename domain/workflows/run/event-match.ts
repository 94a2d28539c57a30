import { isJsonArray, isJsonObject, type Json, type JsonObject } from '../../kernel/json.ts'
import { enclosedExpression } from '../expression.ts'
import { setMember } from '../jq/values.ts'
import type { ListenFilter } from './work.ts'

/** An event as it comes from the log, or from whoever sent it to the run: a CloudEvent. */
export type Incoming = JsonObject & { readonly id: string; readonly type: string }

/** How an expression comes to its value: in a run, or where there is none. */
export type Evaluate = (text: string, value: Json) => Json

/**
 * @param correlation what the event must agree with.
 * @returns what later events must agree with, too; undefined when the event is not meant.
 * @throws {TaskFault} when an expression fails.
 */
export function matched(
  { with: attributes, correlate = {} }: ListenFilter,
  correlation: JsonObject,
  incoming: Incoming,
  evaluated: Evaluate,
): JsonObject | undefined {
  const isOfKind = Object.entries(attributes).every(([attribute, expected]) =>
    isMeant(expected, incoming[attribute], evaluated),
  )
  if (!isOfKind) return undefined
  const found: { [key: string]: Json } = { ...correlation }
  for (const [key, { from, expect }] of Object.entries(correlate)) {
    const value = evaluated(from, incoming)
    const known = Object.hasOwn(found, key) ? found[key] : undefined
    const wanted = expect ?? known
    if (wanted !== undefined && !contains(value, wanted)) return undefined
    setMember(found, key, value)
  }
  return found
}

/** The filter that took the event, and what later events must agree with. */
export type Match = { readonly filter: number; readonly correlation: JsonObject }

/** Where a filter of `until` counts: from -1 downwards. */
export function placeOfEnd(index: number): number {
  return -1 - index
}

/**
 * @param taken what the filters took before.
 * @param once whether each filter takes one event.
 * @param passed what later events must agree with; undefined when the filter does not mean the event.
 */
export function firstMatch<Filter>(
  filters: readonly Filter[],
  taken: readonly { readonly filter: number }[],
  { placeOf, once }: { readonly placeOf: (index: number) => number; readonly once: boolean },
  passed: (filter: Filter) => JsonObject | undefined,
): Match | undefined {
  for (const [index, each] of filters.entries()) {
    const filter = placeOf(index)
    if (once && taken.some((before) => before.filter === filter)) continue
    const correlation = passed(each)
    if (correlation !== undefined) return { filter, correlation }
  }
  return undefined
}

/** Where a filter counts that is not of `until`. */
export function placeOfOwn(index: number): number {
  return index
}

/** A filter that fails means no event. */
export function orUndefined<Result>(work: () => Result): Result | undefined {
  try {
    return work()
  } catch {
    return undefined
  }
}

function isMeant(expected: Json, actual: Json | undefined, evaluated: Evaluate): boolean {
  if (actual === undefined) return false
  if (typeof expected !== 'string' || enclosedExpression(expected) === null)
    return contains(actual, expected)
  const value = evaluated(expected, actual)
  return typeof value === 'boolean' ? value : contains(actual, value)
}

/** Equal, where an object may have more members than are expected. */
function contains(actual: Json, expected: Json): boolean {
  if (isJsonObject(expected))
    return (
      isJsonObject(actual) &&
      Object.entries(expected).every(
        ([key, value]) => Object.hasOwn(actual, key) && contains(actual[key] ?? null, value),
      )
    )
  if (isJsonArray(expected))
    return (
      isJsonArray(actual) &&
      actual.length === expected.length &&
      expected.every((value, index) => contains(actual[index] ?? null, value))
    )
  return actual === expected
}
