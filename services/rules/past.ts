import { setImmediate as othersTurn } from 'node:timers/promises'
import type { Filling } from '../../domain/rules/filling.ts'
import { ruleEventOf } from '../../domain/rules/rule-event.ts'
import type { EventStore, Position, RecordedEvent } from '../ports/event-store.ts'

/** After so long others have their turn, ms. */
const TURN_MS = 5

type Log = Pick<EventStore, 'readAll'>
type OfTenant = { readonly tenantId: string; readonly types: readonly string[] }

/**
 * The place from which on, exclusive, events are wanted; found by reading back from `from`, exclusive.
 *
 * @returns that of the last event that is not wanted; 0n when all are.
 * @throws the signal's reason when it aborts.
 */
export async function placeBefore(
  log: Log,
  { tenantId, types }: OfTenant,
  from: Position | undefined,
  signal: AbortSignal,
  isWanted: (event: RecordedEvent) => boolean,
): Promise<Position> {
  const back = from === undefined ? {} : { from }
  const events = log.readAll({ tenantId, types, direction: 'backwards', ...back })
  for await (const event of inTurns(events, signal)) if (!isWanted(event)) return event.position
  return 0n
}

/**
 * Fills windows with what happened before `before`, the place of the next event that rules are asked about.
 *
 * @throws the signal's reason when it aborts.
 */
export async function fill(
  log: Log,
  tenantId: string,
  filling: Filling,
  before: Position,
  signal: AbortSignal,
): Promise<void> {
  const { types, after } = filling
  const from = after > 0n ? { from: after } : {}
  for await (const event of inTurns(log.readAll({ tenantId, types, ...from }), signal)) {
    if (event.position >= before) break
    if (event.fault === undefined) filling.take(ruleEventOf(event))
  }
  filling.end()
}

/** The log comes in pages, whose events do not wait for anything; nobody else is to wait for all of one. */
export async function* inTurns(
  events: AsyncIterable<RecordedEvent>,
  signal: AbortSignal,
): AsyncIterable<RecordedEvent> {
  let begun = performance.now()
  for await (const event of events) {
    yield event
    if (performance.now() - begun < TURN_MS) continue
    await othersTurn()
    signal.throwIfAborted()
    begun = performance.now()
  }
}
