import type { RunCommand } from '../../domain/workflows/run/commands.ts'
import type { WorkflowError } from '../../domain/workflows/run-events.ts'
import { RevisionConflictError } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import { isLasting, unrecordable } from './lasting.ts'
import type { RunSession } from './run-session.ts'

/** What drives a run: nobody is there who could be refused. */
type Driving = Extract<
  RunCommand,
  { readonly type: 'AdvanceRun' | 'RecordOutcome' | 'ReceiveEvent' | 'FireTimers' }
>

/**
 * Gives the run a command. What follows from it that can never be recorded is replaced by a fault of
 * the smallest part of the run that can fault: a step, then the run. So no run decides the same for
 * ever. A `ReceiveEvent` is for one step.
 *
 * @param causationId by default the last event of the run.
 * @returns whether something was appended.
 * @throws {ProblemError} when the decider rejects it.
 */
export async function record(
  session: RunSession,
  command: Driving,
  logger: Logger,
  causationId?: string,
): Promise<boolean> {
  try {
    return await session.give(command, causationId)
  } catch (error) {
    if (!isLasting(error)) throw error
    logger.warn({ ...session.ref, err: error }, 'a run cannot record what it decided')
    if (await faulted(session, faultsOf(session, command, unrecordable(error)), causationId))
      return true
    return await record(session, command, logger, causationId)
  }
}

/**
 * Gives the first of the commands that something follows from which can be recorded.
 *
 * @returns false when another writer was there before: what is decided may be another thing now.
 */
async function faulted(
  session: RunSession,
  commands: readonly RunCommand[],
  causationId: string | undefined,
): Promise<boolean> {
  let refused: unknown
  for (const command of commands)
    try {
      if (await session.giveOnce(command, causationId)) return true
    } catch (error) {
      if (error instanceof RevisionConflictError) {
        await session.catchUp()
        return false
      }
      if (!isLasting(error)) throw error
      refused = error
    }
  if (refused !== undefined) throw refused
  return true
}

/** What is tried instead, one after the other: the last of it has nothing in it that was not recorded before. */
function faultsOf(
  { ref: { runId } }: RunSession,
  command: Driving,
  error: WorkflowError,
): readonly RunCommand[] {
  const now = 'now' in command ? command.now : command.surroundings.now
  const run: readonly RunCommand[] = [
    { type: 'FaultRun', runId, now, error },
    { type: 'AbandonRun', runId, now },
  ]
  if (command.type === 'FireTimers') return run
  const { surroundings } = command
  if (command.type === 'AdvanceRun')
    return [{ ...command, maxTurns: 1 }, { type: 'FaultTurn', surroundings, error }, ...run]
  const step = command.type === 'RecordOutcome' ? command.step : command.steps?.[0]
  if (step === undefined) return run
  const faults = { step, outcome: { error }, surroundings, maxTurns: 0 }
  return [
    ...(command.type === 'RecordOutcome' ? [{ ...command, maxTurns: 0 }] : []),
    { type: 'RecordOutcome', ...faults },
    ...run,
  ]
}
