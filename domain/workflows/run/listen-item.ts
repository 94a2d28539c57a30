import type { Json } from '../../kernel/json.ts'
import type { ListenTask } from '../document-tasks.ts'
import type { RunEvent } from '../run-events.ts'
import { type Place, requireFit, transform } from './evaluate.ts'
import { taskAt } from './program.ts'

type Shaping = Pick<NonNullable<ListenTask['foreach']>, 'output' | 'export'>

/** What a `listen` makes of each event, by `foreach.output` and `foreach.export`. */
export function shapingOf({ program, step }: Place): Shaping | undefined {
  const task = taskAt(program, step.reference)
  if (!('listen' in task)) return undefined
  const { output, export: exported } = task.foreach ?? {}
  return output === undefined && exported === undefined ? undefined : (task.foreach ?? {})
}

/**
 * @param raw what the tasks of `foreach` gave; the event itself where there are none.
 * @throws {TaskFault} when it cannot be shaped, or does not fit.
 */
export function itemEnds(place: Place, item: number, raw: Json): readonly RunEvent[] {
  const { program, run, step, now } = place
  const { output: shape, export: exported } = shapingOf(place) ?? {}
  const at = atRound(place, item)
  const output = transform(at, { transformation: shape?.as }, raw, { output: raw })
  requireFit(program, shape?.schema, output)
  const context = transform(at, { transformation: exported?.as }, output, { output })
  if (exported?.as !== undefined) requireFit(program, exported.schema, context)
  const data = {
    ...{ runId: run.runId, step: step.step, item, output, completedAt: now },
    ...(exported?.as === undefined ? {} : { context }),
  }
  return [{ type: 'ListenItemCompleted', data }]
}

/** The place as the expressions of this round of a loop see it. */
export function atRound(place: Place, round: number): Place {
  const { run, step } = place
  const inRound = { ...step, progress: { ...step.progress, round } }
  const open = new Map(run.open).set(step.step, inRound)
  return { ...place, run: { ...run, open }, step: inRound }
}
