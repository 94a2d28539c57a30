import { type Static, Type } from 'typebox'
import { customNameOf, isCustomType, loggedType, shownType } from '../../domain/custom/events.ts'
import { eventCatalogue } from '../../domain/event-catalogue.ts'
import { MAX_STREAM_NAME_LENGTH, streamName } from '../../domain/kernel/ids.ts'
import { problem } from '../kernel/problem.ts'
import {
  type EventFilter,
  type EventStore,
  type Position,
  passes,
  type RecordedEvent,
} from '../ports/event-store.ts'

const MAX_POSITION = 2n ** 63n - 1n

const contexts = Object.keys(eventCatalogue)
const oneType = '(custom\\.)?[A-Za-z0-9]{1,100}'
const oneContext = `(${contexts.join('|')})`

/** What selects events, wherever the log can be read or followed. */
const filters = {
  types: Type.Optional(
    Type.String({
      pattern: `^${oneType}(,${oneType}){0,49}$`,
      description:
        'Event types, separated by commas; by default all. `custom.` and a name is a type of your own.',
    }),
  ),
  context: Type.Optional(
    Type.String({
      pattern: `^${oneContext}(,${oneContext}){0,49}$`,
      description: `Only types of these contexts, separated by commas: ${contexts.join(', ')}.`,
    }),
  ),
  stream: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: MAX_STREAM_NAME_LENGTH,
      description: 'Only this stream, as `subject` of its events names it.',
    }),
  ),
  installation: Type.Optional(
    Type.String({
      format: 'uuid',
      description: 'Only what was done with this installation: its own stream and its quarantine.',
    }),
  ),
}

/** Several filters narrow each other. */
export const EventQuery = {
  after: Type.Optional(
    Type.String({
      pattern: '^[0-9]{1,19}$',
      description: 'Position of the last event already seen, exclusive; 0 is before the first.',
    }),
  ),
  ...filters,
}

const Filters = Type.Object(filters)
export type EventFilters = Static<typeof Filters>

/** What of the log somebody wants. */
export type EventSelection = EventFilter & {
  /** Of what passes, only what is of one of these types, or shown with it; by default everything. */
  readonly shown?: readonly string[]
}

export function isSelected(
  selection: EventSelection,
  event: Pick<RecordedEvent, 'type' | 'stream' | 'data'>,
): boolean {
  const { shown } = selection
  if (!passes(selection, event)) return false
  return shown === undefined || shown.includes(event.type) || shown.includes(shownType(event))
}

/** Always within one tenant. */
export function selectionOf(tenantId: string, query: EventFilters): EventSelection {
  const asked = query.types?.split(',')
  const types = narrowed(asked?.map(loggedType), typesOf(query.context))
  const streams = [
    query.stream === undefined ? undefined : [query.stream],
    streamsOf(tenantId, query.installation),
    asked && customStreams(tenantId, asked),
  ].reduce(narrowed, undefined)
  return {
    tenantId,
    ...(types === undefined ? {} : { types }),
    ...(streams === undefined ? {} : { streams }),
    ...(asked?.some(isCustomType) ? { shown: asked } : {}),
  }
}

/** @returns undefined when other events are asked for, too. */
function customStreams(tenantId: string, types: readonly string[]): readonly string[] | undefined {
  if (!types.every(isCustomType)) return undefined
  return types.map((type) => streamName('custom', tenantId, customNameOf(type)))
}

function typesOf(context: string | undefined): readonly string[] | undefined {
  return context?.split(',').flatMap((name) => Object.keys(eventCatalogue[name] ?? {}))
}

function streamsOf(tenantId: string, installation: string | undefined) {
  if (installation === undefined) return undefined
  return ['installation', 'quarantine', 'toollist'].map((category) =>
    streamName(category, tenantId, installation),
  )
}

function narrowed(
  one: readonly string[] | undefined,
  other: readonly string[] | undefined,
): readonly string[] | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one.filter((name) => other.includes(name))
}

/** @throws {ProblemError} 400 when `text` is no position. */
export function toPosition(text: string): Position {
  if (/^\d{1,19}$/.test(text) && BigInt(text) <= MAX_POSITION) return BigInt(text)
  throw problem(400, 'invalid-parameters', 'A position is a whole number, as an event has it.')
}

/**
 * A position that the log does not have yet was given by another log, or by this one before it
 * was set back to an older state: going on behind it would leave out events without a word.
 *
 * @throws {ProblemError} 409 `position-beyond-log`.
 */
export async function refuseBeyond(store: EventStore, after: Position): Promise<void> {
  if (after === 0n) return
  const head = await store.head()
  if (after > head)
    throw problem(
      409,
      'position-beyond-log',
      `The log ends at position ${head}: ${after} is of another log, or of a state that was given up.`,
    )
}
