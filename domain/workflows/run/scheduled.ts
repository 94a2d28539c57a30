import type { Json, JsonObject } from '../../kernel/json.ts'
import type { EventConsumption, EventFilter } from '../document-events.ts'
import { enclosedExpression } from '../expression.ts'
import { isTrue } from '../jq/values.ts'
import { evaluateAlone } from './evaluate.ts'
import {
  type Evaluate,
  firstMatch,
  type Incoming,
  type Match,
  matched,
  orUndefined,
  placeOfEnd,
  placeOfOwn,
} from './event-match.ts'
import { typesOf } from './listen.ts'

// What an event is to a workflow that `schedule.on` starts. There is no run yet: an expression sees the
// event, or a part of it, and nothing else.

/** Events that start a run together, once the set is complete. */
export type ScheduledSet = {
  /** What the next events must agree with. */
  readonly correlation: JsonObject
  /** In the order in which they came; `filter` counts those of the schedule, and those of `until` from -1 downwards. */
  readonly taken: readonly {
    readonly eventId: string
    readonly filter: number
    readonly data: Json
  }[]
}

type Strategy = {
  readonly strategy: 'one' | 'any' | 'all'
  readonly filters: readonly EventFilter[]
}
type Ends = { readonly condition: string } | Strategy
type Taken = { readonly set: ScheduledSet; readonly isComplete: boolean }

export const EMPTY_SET: ScheduledSet = { correlation: {}, taken: [] }

/** Types of the events that a schedule can mean; '' = of any. */
export function scheduledTypes(on: EventConsumption): ReadonlySet<string> {
  const { filters } = strategyOf(on)
  const ends = endsOf(on)
  const asked = ({ with: attributes }: EventFilter) => ({ with: attributes as JsonObject })
  return typesOf({
    filters: filters.map(asked),
    ...(ends === undefined || 'condition' in ends
      ? {}
      : { until: { ...ends, filters: ends.filters.map(asked) } }),
  })
}

/** Whether a run can begin with several events. */
export function gathers(on: EventConsumption): boolean {
  return 'all' in on || endsOf(on) !== undefined
}

/** What a run begins with: what `until` means only ends the set. */
export function inputOf({ taken }: ScheduledSet): readonly Json[] {
  return taken.filter(({ filter }) => filter >= 0).map(({ data }) => data)
}

/**
 * The set with the event in it.
 *
 * @param at when it happened: the same event is the same whenever it is looked at.
 * @returns undefined when the set does not take it.
 */
export function takeScheduled(
  on: EventConsumption,
  set: ScheduledSet,
  incoming: Incoming,
  at: string,
): Taken | undefined {
  const ends = endsOf(on)
  const match = endBy(ends, set, incoming, at) ?? takenBy(strategyOf(on), set, incoming, at)
  if (match === undefined) return undefined
  const { filter, correlation } = match
  const { id: eventId, data = null } = incoming
  const after = { correlation, taken: [...set.taken, { eventId, filter, data }] }
  return { set: after, isComplete: isComplete(on, after, at) }
}

function strategyOf(on: EventConsumption): Strategy {
  if ('one' in on) return { strategy: 'one', filters: [on.one] }
  if ('all' in on) return { strategy: 'all', filters: on.all }
  return { strategy: 'any', filters: on.any }
}

function endsOf(on: EventConsumption): Ends | undefined {
  if (!('any' in on) || on.until === undefined) return undefined
  return typeof on.until === 'string' ? { condition: on.until } : strategyOf(on.until)
}

function isComplete(on: EventConsumption, set: ScheduledSet, at: string): boolean {
  const ends = endsOf(on)
  if (ends === undefined) return isFilled(strategyOf(on), set, placeOfOwn)
  if (!('condition' in ends)) return isFilled(ends, set, placeOfEnd)
  const condition = ends.condition
  return orUndefined(() => isTrue(evaluateAlone(condition, [...inputOf(set)], at))) ?? false
}

function isFilled(
  { strategy, filters }: Strategy,
  { taken }: ScheduledSet,
  placeOf: (index: number) => number,
): boolean {
  const places = filters.map((_, index) => placeOf(index))
  const isTaken = (place: number) => taken.some(({ filter }) => filter === place)
  if (strategy === 'all') return places.every(isTaken)
  return filters.length === 0 ? taken.length > 0 : places.some(isTaken)
}

/** A set begins with an event of the schedule's own. */
function endBy(ends: Ends | undefined, set: ScheduledSet, incoming: Incoming, at: string) {
  if (ends === undefined || 'condition' in ends || set.taken.length === 0) return undefined
  return firstMatch(ends.filters, set.taken, { placeOf: placeOfEnd, once: true }, (each) =>
    passed(each, set.correlation, incoming, at),
  )
}

function takenBy(
  { strategy, filters }: Strategy,
  { taken, correlation }: ScheduledSet,
  incoming: Incoming,
  at: string,
): Match | undefined {
  if (strategy === 'any' && filters.length === 0) return { filter: 0, correlation }
  const once = strategy === 'all'
  return firstMatch(filters, taken, { placeOf: placeOfOwn, once }, (each) =>
    passed(each, correlation, incoming, at),
  )
}

function passed(filter: EventFilter, correlation: JsonObject, incoming: Incoming, at: string) {
  const alone: Evaluate = (text, value) => evaluateAlone(text, value, at)
  return orUndefined(() => matched(withExpected(filter, alone), correlation, incoming, alone))
}

/** Without a run to go by, what is expected can be known now. */
function withExpected({ with: attributes, correlate = {} }: EventFilter, alone: Evaluate) {
  const known = Object.entries(correlate).map(([key, { from, expect }]) => {
    if (expect === undefined) return [key, { from }]
    return [
      key,
      { from, expect: enclosedExpression(expect) === null ? expect : alone(expect, null) },
    ]
  })
  return { with: attributes as JsonObject, correlate: Object.fromEntries(known) }
}
