import { type Static, Type } from 'typebox'
import { problem } from '../kernel/problem.ts'
import type { EventFilter, Position } from '../ports/event-store.ts'

const MAX_POSITION = 2n ** 63n - 1n

export const EventFilterQuery = {
  after: Type.Optional(
    Type.String({
      pattern: '^[0-9]{1,19}$',
      description: 'Position of the last event already seen, exclusive; 0 is before the first.',
    }),
  ),
  types: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9]{1,100}(,[A-Za-z0-9]{1,100}){0,49}$',
      description: 'Event types, separated by commas; by default all.',
    }),
  ),
}

const Query = Type.Object(EventFilterQuery)

/** Always within one tenant. */
export function filterOf(tenantId: string, { types }: Static<typeof Query>): EventFilter {
  return types === undefined ? { tenantId } : { tenantId, types: types.split(',') }
}

/** @throws {ProblemError} 400 when `text` is no position. */
export function toPosition(text: string): Position {
  if (/^\d{1,19}$/.test(text) && BigInt(text) <= MAX_POSITION) return BigInt(text)
  throw problem(400, 'invalid-parameters', 'A position is a whole number, as an event has it.')
}
