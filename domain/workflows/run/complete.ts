import type { Json } from '../../kernel/json.ts'
import type { RunEvent } from '../run-events.ts'
import { cancelled } from './cancel.ts'
import { type Place, requireFit, transform } from './evaluate.ts'
import { evolveAll } from './evolve.ts'
import { TaskFault } from './fault.ts'
import { faultEvents } from './faulting.ts'
import { taskAt } from './program.ts'

/** @param next where to go on; by default what the task's `then` says. */
export type Done = { readonly output: Json; readonly next?: string | undefined }

/** The step ends well, or faults because its output does not fit. */
export function complete(place: Place, { output: raw, next }: Done): readonly RunEvent[] {
  const { program, run, step, now } = place
  try {
    if (step.step === 0) return [completed(place, raw)]
    const task = taskAt(program, step.reference)
    const withRaw = { output: raw }
    const output = transform(place, { transformation: task.output?.as }, raw, withRaw)
    requireFit(program, task.output?.schema, output)
    const exported = task.export?.as
    const context = transform(place, { transformation: exported }, output, { output })
    if (exported !== undefined) requireFit(program, task.export?.schema, context)
    return [
      {
        type: 'TaskCompleted',
        data: {
          ...{ runId: run.runId, step: step.step, output },
          ...(exported === undefined ? {} : { context }),
          ...{ next: next ?? task.then ?? 'continue', completedAt: now },
        },
      },
    ]
  } catch (error) {
    if (!(error instanceof TaskFault)) throw error
    return faultEvents(place, error.error)
  }
}

function completed(place: Place, raw: Json): RunEvent {
  const { program, run, now } = place
  const { output: shape } = program.document
  const output = transform(place, { transformation: shape?.as }, raw, { output: raw })
  requireFit(program, shape?.schema, output)
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
