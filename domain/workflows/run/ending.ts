import type { RunEvent } from '../run-events.ts'
import { compensationOf } from '../task-metadata.ts'
import { begin } from './begin.ts'
import { type Surroundings, taskAt } from './program.ts'
import { compensationReference } from './reference.ts'
import type { Compensable, Run } from './state.ts'

/** What is left to do when a run fails or is cancelled and nothing of it is under way any more. */
export function endingEvents(run: Run, surroundings: Surroundings): readonly RunEvent[] {
  if (run.open.size > 0 || run.ending === undefined) return []
  const { runId, ending, compensable } = run
  const { now } = surroundings
  const { compensation } = ending
  if (run.compensated || compensable.length === 0) return [over(run, now)]
  if (compensation === undefined) {
    const steps = compensable.map(({ step }) => step).reverse()
    return [{ type: 'CompensationStarted', data: { runId, steps, startedAt: now } }]
  }
  const next = compensable.find(({ step }) => step === compensation.todo[0])
  if (next !== undefined) return compensate(run, surroundings, next)
  const failed = [...compensation.failed]
  return [{ type: 'CompensationCompleted', data: { runId, failed, completedAt: now } }]
}

function over({ runId, ending }: Run, now: string): RunEvent {
  if (ending?.error === undefined)
    return { type: 'RunCancelled', data: { runId, cancelledAt: now } }
  return { type: 'RunFaulted', data: { runId, error: ending.error, faultedAt: now } }
}

function compensate(run: Run, surroundings: Surroundings, done: Compensable): readonly RunEvent[] {
  const { reference, output, input, step: compensates } = done
  const task = compensationOf(taskAt(surroundings.program, reference))
  // What made the step compensable is in the same document.
  if (task === undefined) return []
  return begin(run, surroundings, {
    child: { reference: compensationReference(reference), name: 'tidemark.compensate', task },
    ...{ parent: 0, step: run.lastStep + 1, round: undefined, attempt: 1, compensates },
    rawInput: output ?? input,
  })
}
