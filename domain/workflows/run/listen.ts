import type { Json, JsonObject } from '../../kernel/json.ts'
import type { EventConsumption, EventFilter } from '../document-events.ts'
import type { ListenTask } from '../document-tasks.ts'
import { enclosedExpression } from '../expression.ts'
import type { RunEvent } from '../run-events.ts'
import { evaluate, evaluateText, holds, type Place } from './evaluate.ts'
import {
  firstMatch,
  type Incoming,
  type Match,
  matched,
  orUndefined,
  placeOfEnd,
  placeOfOwn,
} from './event-match.ts'
import type { OpenStep } from './state.ts'
import type { ListenFilter, ListenWork } from './work.ts'

type Strategy = Pick<ListenWork, 'strategy' | 'filters'>

export function listenWork(place: Place, { listen }: ListenTask, input: Json): ListenWork {
  const { to, read = 'data' } = listen
  const until = 'any' in to ? to.until : undefined
  return {
    ...{ kind: 'listen', read },
    ...strategyOf(place, to, input),
    ...(until === undefined
      ? {}
      : {
          until: typeof until === 'string' ? { condition: until } : strategyOf(place, until, input),
        }),
  }
}

function strategyOf(place: Place, to: EventConsumption, input: Json): Strategy {
  const filtersOf = (filters: readonly EventFilter[]) =>
    filters.map((filter) => filterOf(place, filter, input))
  if ('one' in to) return { strategy: 'one', filters: filtersOf([to.one]) }
  if ('all' in to) return { strategy: 'all', filters: filtersOf(to.all) }
  return { strategy: 'any', filters: filtersOf(to.any) }
}

/** What later events must have is evaluated now, what an event must be when it comes. */
function filterOf(place: Place, filter: EventFilter, input: Json): ListenFilter {
  const correlate = Object.entries(filter.correlate ?? {}).map(([key, { from, expect }]) => {
    const expected = expect === undefined ? {} : { expect: evaluate(place, expect, input) }
    return [key, { from, ...expected }]
  })
  const attributes = filter.with as JsonObject
  return correlate.length === 0
    ? { with: attributes }
    : { with: attributes, correlate: Object.fromEntries(correlate) }
}

/** Types of the events that can be meant; '' = of any. */
export function typesOf({
  filters,
  until,
}: Pick<ListenWork, 'filters' | 'until'>): ReadonlySet<string> {
  const all = until === undefined || 'condition' in until ? filters : [...filters, ...until.filters]
  const types = all.map(({ with: { type } }) =>
    typeof type === 'string' && enclosedExpression(type) === null ? type : '',
  )
  return new Set(filters.length === 0 ? [...types, ''] : types)
}

/** Whether no further event is waited for. */
export function isSatisfied(place: Place, { until, strategy, filters }: ListenWork): boolean {
  const { received } = place.step
  const taken = received.filter(({ filter }) => filter >= 0)
  if (strategy === 'all')
    return filters.every((_, index) => taken.some(({ filter }) => filter === index))
  if (strategy === 'one' || until === undefined) return taken.length > 0
  if (!('condition' in until)) return isEnded(received, until)
  return (
    taken.length > 0 &&
    holds(
      place,
      until.condition,
      taken.map(({ event }) => event),
    )
  )
}

/** What the event is to the step: an event of its own, or nothing. */
export function receive(place: Place, incoming: Incoming): readonly RunEvent[] {
  const { run, step, now } = place
  const { work } = step
  if (work?.kind !== 'listen') return []
  if (step.received.some(({ eventId }) => eventId === incoming.id)) return []
  if (isFull(step, work)) return []
  const match = endOf(place, work, incoming) ?? taken(place, work, incoming)
  if (match === undefined) return []
  const { data = null } = incoming
  const { filter, correlation } = match
  const base = { runId: run.runId, step: step.step, eventId: incoming.id, filter }
  const event = work.read === 'data' ? data : incoming
  return [{ type: 'EventReceived', data: { ...base, event, correlation, receivedAt: now } }]
}

/** The tasks of `foreach` may still be at what came before. */
function isFull({ received }: OpenStep, { strategy, until }: ListenWork): boolean {
  if (until !== undefined && !('condition' in until) && isEnded(received, until)) return true
  return strategy !== 'all' && until === undefined && received.length > 0
}

function taken(place: Place, work: ListenWork, incoming: Incoming): Match | undefined {
  const { received, correlation } = place.step
  if (work.filters.length === 0 && work.strategy === 'any') return { filter: 0, correlation }
  const once = work.strategy === 'all'
  return firstMatch(work.filters, received, { placeOf: placeOfOwn, once }, (each) =>
    passed(place, each, incoming),
  )
}

function endOf(place: Place, { until }: ListenWork, incoming: Incoming): Match | undefined {
  if (until === undefined || 'condition' in until) return undefined
  const places = { placeOf: placeOfEnd, once: true }
  return firstMatch(until.filters, place.step.received, places, (each) =>
    passed(place, each, incoming),
  )
}

/** Whether the events of `until` came: each of `all`, or one of the others. */
function isEnded(received: OpenStep['received'], { strategy, filters }: Strategy): boolean {
  const came = filters.map((_, index) =>
    received.some(({ filter }) => filter === placeOfEnd(index)),
  )
  return strategy === 'all' ? came.every(Boolean) : came.some(Boolean)
}

function passed(place: Place, filter: ListenFilter, incoming: Incoming): JsonObject | undefined {
  const { correlation } = place.step
  return orUndefined(() =>
    matched(filter, correlation, incoming, (text, value) => evaluateText(place, text, value)),
  )
}
