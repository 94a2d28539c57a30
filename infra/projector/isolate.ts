import type { Transaction } from 'kysely'
import { attempt } from './attempt.ts'
import type { ParkedEvent } from './parked.ts'
import type { Plan } from './plan.ts'
import { projection } from './project.ts'

/**
 * Carries out a plan so that what fails harms nothing else: first as a whole, and when that
 * fails, event by event. An event that cannot be projected parks its stream, or stops a strict
 * read model; a failure that is the read model's own stops it.
 *
 * @throws when the database is to blame.
 */
export async function isolate(trx: Transaction<unknown>, plan: Plan): Promise<Plan> {
  const failure = await attempt(trx, () => projection(plan.run, plan.steps)(trx))
  if (failure === undefined) return plan
  const parked: ParkedEvent[] = []
  const held = new Set<string>()
  let before = plan.run.checkpoint.position
  for (const step of plan.steps) {
    const { event } = step
    if (held.has(event.stream)) parked.push({ event })
    else {
      const failed = await attempt(trx, () => projection(plan.run, [step])(trx))
      if (failed !== undefined) {
        const { cause } = failed
        if (failed.stops || plan.run.model.strict === true) return stop(plan, parked, before, cause)
        held.add(event.stream)
        parked.push({ event, cause })
      }
    }
    before = event.position
  }
  return { ...plan, parked: merged(plan.parked, parked, held) }
}

function stop(plan: Plan, parked: readonly ParkedEvent[], before: bigint, stopped: string): Plan {
  const earlier = plan.parked.filter(({ event }) => event.position <= before)
  return { ...plan, parked: [...earlier, ...parked], reached: before, stopped }
}

/** A stream may have been parked at a later event by the plan: it is now parked from the earlier one. */
function merged(
  planned: readonly ParkedEvent[],
  found: readonly ParkedEvent[],
  held: ReadonlySet<string>,
): readonly ParkedEvent[] {
  const behind = planned.map(({ event, cause }) =>
    cause === undefined || held.has(event.stream) ? { event } : { event, cause },
  )
  return [...found, ...behind]
}
