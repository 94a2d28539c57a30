import type { Json } from '../../kernel/json.ts'
import type { RunEvent } from '../run-events.ts'
import { cancelled } from './cancel.ts'
import { type Place, shaped } from './evaluate.ts'
import { evolveAll } from './evolve.ts'
import { guarded } from './faulting.ts'
import { taskAt } from './program.ts'

/** @param next where to go on; by default what the task's `then` says. */
export type Done = { readonly output: Json; readonly next?: string | undefined }

/** The step ends well, or faults because its output does not fit. */
export function complete(place: Place, { output: raw, next }: Done): readonly RunEvent[] {
  return guarded(place, () => [
    place.step.step === 0 ? runCompleted(place, raw) : taskCompleted(place, raw, next),
  ])
}

function taskCompleted(place: Place, raw: Json, next: string | undefined): RunEvent {
  const { program, run, step, now } = place
  const task = taskAt(program, step.reference)
  const data = {
    ...{ runId: run.runId, step: step.step, ...shaped(place, task, raw) },
    ...{ next: next ?? task.then ?? 'continue', completedAt: now },
  }
  return { type: 'TaskCompleted', data }
}

function runCompleted(place: Place, raw: Json): RunEvent {
  const { program, run, now } = place
  const { output } = shaped(place, { output: program.document.output }, raw)
  return { type: 'RunCompleted', data: { runId: run.runId, output, completedAt: now } }
}

/** The whole run ends well, whatever is still open in it. */
export function endWell(place: Place, raw: Json): readonly RunEvent[] {
  const left = cancelled(place, place.run.open.values())
  const run = evolveAll(place.run, left)
  const root = run.open.get(0)
  if (root === undefined) return []
  return [...left, ...complete({ ...place, run, step: root }, { output: raw })]
}
