import { standardError } from '../../domain/workflows/run/fault.ts'
import type { WorkflowError } from '../../domain/workflows/run-events.ts'
import { ProblemError } from '../kernel/problem.ts'
import { EventIdConflictError, InvalidEventError } from '../ports/event-store.ts'
import { SubjectErasedError } from '../ports/subject-keys.ts'

/** Deciding threw: the same state and command will do so again. */
export class UndecidedError extends Error {
  override readonly name = 'UndecidedError'
}

/** Whether trying again ends in the same way. */
export function isLasting(error: unknown): boolean {
  return (
    error instanceof InvalidEventError ||
    error instanceof EventIdConflictError ||
    error instanceof SubjectErasedError ||
    error instanceof UndecidedError
  )
}

/** What a step faults with that met a lasting error. Of what the program threw, the log of the server says more. */
export function unrecordable(error: unknown): WorkflowError {
  if (!(error instanceof Error) || error instanceof UndecidedError)
    return standardError('runtime', 'The program failed at this step.')
  return standardError('runtime', `What this step does cannot be recorded: ${error.message}`)
}

/** Whether a command was refused, by its decider or by the log, and not only left undone. */
export function isRefusal(error: unknown): boolean {
  return isLasting(error) || (error instanceof ProblemError && error.problem.status < 500)
}
