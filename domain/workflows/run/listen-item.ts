import type { Json } from '../../kernel/json.ts'
import type { RunEvent } from '../run-events.ts'
import { type Place, type Shaping, shaped } from './evaluate.ts'
import { taskAt } from './program.ts'

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
  const { run, step, now } = place
  const made = shaped(atRound(place, item), shapingOf(place) ?? {}, raw)
  const data = { runId: run.runId, step: step.step, item, ...made, completedAt: now }
  return [{ type: 'ListenItemCompleted', data }]
}

/** The place as the expressions of this round of a loop see it. */
export function atRound(place: Place, round: number): Place {
  const { run, step } = place
  const inRound = { ...step, progress: { ...step.progress, round } }
  const open = new Map(run.open).set(step.step, inRound)
  return { ...place, run: { ...run, open }, step: inRound }
}
