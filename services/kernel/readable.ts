import { isOfNewerProgram } from '../../domain/event-catalogue.ts'
import type { RecordedEvent } from '../ports/event-store.ts'
import { problem } from './problem.ts'

/**
 * Deciding without an event could be wrong.
 *
 * @throws {ProblemError} 503 when a newer program wrote it: one of its processes can answer.
 * @throws {UnreadableEventError} when it cannot be read for another reason.
 */
export function refuseUnreadable(event: RecordedEvent): void {
  if (event.fault === undefined) return
  if (isOfNewerProgram(event))
    throw problem(503, 'newer-program', 'A newer program is being rolled out; retry.')
  throw new UnreadableEventError(
    `Event ${event.eventId} of ${event.stream} cannot be read: ${event.fault}`,
  )
}

export class UnreadableEventError extends Error {
  override readonly name = 'UnreadableEventError'
}
