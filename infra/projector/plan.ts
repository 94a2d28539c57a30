import type { AnyChange, AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { FeedBatch, Position, RecordedEvent } from '../../services/ports/event-store.ts'
import { causeOf } from './blame.ts'
import type { ParkedEvent } from './parked.ts'
import type { Run } from './run.ts'

/** An event and, for a pure read model, what it does. */
export type Step = { readonly event: RecordedEvent; readonly changes: readonly AnyChange[] }

/** What one batch means for one read model, as far as it can be said without the database. */
export type Plan = {
  readonly run: Run
  readonly steps: readonly Step[]
  readonly parked: readonly ParkedEvent[]
  /** Where the checkpoint goes. */
  readonly reached: Position
  /** Why a strict read model goes no further. */
  readonly stopped: string | null
}

/** How the cause begins when the event, not the read model, is to blame. */
export const UNREADABLE = 'The event is unreadable: '

/**
 * @param after what is planned already, perhaps not yet written.
 * @returns undefined when the batch does not concern the run.
 */
export function planOf(
  run: Run,
  { events, through }: FeedBatch,
  after: Position = 0n,
): Plan | undefined {
  const { from, end } = spanOf(run, through, after)
  if (end <= from) return undefined
  const own = events.filter(
    ({ position, type }) => position > from && position <= end && run.types.has(type),
  )
  const steps: Step[] = []
  const parked: ParkedEvent[] = []
  const held = new Set<string>()
  let before = from
  for (const event of own) {
    if (run.parked.has(event.stream) || held.has(event.stream)) parked.push({ event })
    else {
      const step = stepOf(run.model, event)
      if (!('cause' in step)) steps.push(step)
      else if (run.model.strict === true)
        return { run, steps, parked, reached: before, stopped: step.cause }
      else {
        held.add(event.stream)
        parked.push(step)
      }
    }
    before = event.position
  }
  return { run, steps, parked, reached: end, stopped: null }
}

/** The part of the log, from exclusive to end inclusive, that is still to be done. */
function spanOf({ checkpoint, until }: Run, through: Position, after: Position) {
  const { position } = checkpoint
  return {
    from: position > after ? position : after,
    end: until !== undefined && until < through ? until : through,
  }
}

/** @returns the cause instead of a step when the event cannot be read or the read model fails at it. */
export function stepOf(
  model: AnyReadModel,
  event: RecordedEvent,
): Step | (ParkedEvent & { readonly cause: string }) {
  if (event.fault !== undefined) return { event, cause: `${UNREADABLE}${event.fault}` }
  if ('apply' in model) return { event, changes: [] }
  try {
    // The store checked the data against the schema of its type, which is the one subscribed to.
    return { event, changes: model.changes[event.type]?.(event as never, event) ?? [] }
  } catch (error) {
    return { event, cause: causeOf(error) }
  }
}
