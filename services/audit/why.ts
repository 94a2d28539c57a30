import type { Kysely } from 'kysely'
import {
  type CauseRow,
  type CausesTables,
  findCause,
  listEffects,
  UNLISTED_TYPES,
} from '../../projections/audit/causes.ts'
import type { EventStore, Position, RecordedEvent } from '../ports/event-store.ts'

/** Of causes above the event, and of effects below it. */
const MAX_DEPTH = 50
/** Events below it in all. */
const MAX_EFFECTS = 500
/** Of one event. */
const MAX_DIRECT_EFFECTS = 100
/** Events of the types without a row that are looked at before an event is said not to be there. */
const MAX_SEARCHED = 10_000

export type WhyDeps = { readonly store: EventStore; readonly db: Kysely<CausesTables> }

export type Effect = {
  readonly row: CauseRow
  readonly effects: readonly Effect[]
  /** Whether there are more effects of it than these. */
  readonly more: boolean
}

export type Why = {
  readonly event: RecordedEvent
  /** What led to it: the nearest first. */
  readonly causes: readonly RecordedEvent[]
  readonly effects: readonly Effect[]
  readonly more: boolean
}

/**
 * The chain of causes of an event, back to the request or run with which it began, and the tree of what it led to.
 *
 * @param id of the event, or its position.
 * @param after only direct effects behind this position.
 * @returns undefined when the tenant has no such event, or it is of an unlisted type and too old to be found by its id.
 */
export async function whyOf(
  deps: WhyDeps,
  tenantId: string,
  id: string,
  after: Position,
): Promise<Why | undefined> {
  const event = /^\d+$/.test(id)
    ? await eventAt(deps.store, tenantId, BigInt(id))
    : ((await eventById(deps, tenantId, id)) ?? (await calledFirst(deps, tenantId, id)))
  if (event === undefined) return undefined
  const causes: RecordedEvent[] = []
  for (let last = event; causes.length < MAX_DEPTH; ) {
    const cause = await causeOf(deps, last)
    if (cause === undefined) break
    causes.push(cause)
    last = cause
  }
  return { event, causes, ...(await effectsOf(deps.db, event, after)) }
}

/** A request leads to its own events only: they have its id for both. */
async function causeOf(deps: WhyDeps, event: RecordedEvent): Promise<RecordedEvent | undefined> {
  const { causationId, correlationId, position, tenantId } = event
  if (causationId === correlationId) return undefined
  return (
    (await eventById(deps, tenantId, causationId)) ??
    (await unlisted(deps.store, tenantId, causationId, position))
  )
}

async function eventById(
  { store, db }: WhyDeps,
  tenantId: string,
  eventId: string,
): Promise<RecordedEvent | undefined> {
  const row = await findCause(db, tenantId, eventId)
  if (row === undefined) return undefined
  for await (const event of store.readStream(row.stream, { from: row.revision, limit: 1 }))
    return event
  return undefined
}

/** One without a row: its first effect tells where it may be. */
async function calledFirst({ store, db }: WhyDeps, tenantId: string, eventId: string) {
  const [effect] = await listEffects(db, tenantId, [eventId], { each: 1, after: 0n })
  return await unlisted(store, tenantId, eventId, effect?.position)
}

async function unlisted(
  store: EventStore,
  tenantId: string,
  eventId: string,
  before: Position | undefined,
): Promise<RecordedEvent | undefined> {
  const found = store.readAll({
    ...{ tenantId, types: UNLISTED_TYPES, direction: 'backwards', limit: MAX_SEARCHED },
    ...(before === undefined ? {} : { from: before }),
  })
  for await (const event of found) if (event.eventId === eventId) return event
  return undefined
}

async function eventAt(
  store: EventStore,
  tenantId: string,
  position: Position,
): Promise<RecordedEvent | undefined> {
  const from = position + 1n
  for await (const event of store.readAll({ tenantId, from, direction: 'backwards', limit: 1 }))
    if (event.position === position) return event
  return undefined
}

type Node = { readonly row: CauseRow; readonly effects: Node[]; more: boolean }

/** Level by level, so that what is left out is what is farthest. */
async function effectsOf(
  db: Kysely<CausesTables>,
  { eventId, tenantId }: RecordedEvent,
  after: Position,
): Promise<Pick<Why, 'effects' | 'more'>> {
  const root: Pick<Node, 'effects' | 'more'> = { effects: [], more: false }
  let level = new Map([[eventId, root]])
  let left = MAX_EFFECTS
  for (let depth = 0; level.size > 0 && depth < MAX_DEPTH; depth++) {
    const bounds = { each: MAX_DIRECT_EFFECTS + 1, after: depth === 0 ? after : 0n }
    const next = new Map<string, Node>()
    for (const row of await listEffects(db, tenantId, [...level.keys()], bounds)) {
      const parent = level.get(row.causation_id)
      if (parent === undefined) continue
      if (left === 0 || parent.effects.length === MAX_DIRECT_EFFECTS) parent.more = true
      else {
        const node = { row, effects: [], more: false }
        parent.effects.push(node)
        next.set(row.event_id, node)
        left -= 1
      }
    }
    level = next
  }
  for (const unseen of level.values()) unseen.more = true
  return root
}
