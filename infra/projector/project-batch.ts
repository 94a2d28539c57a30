import type { Kysely, Transaction } from 'kysely'
import type { FeedBatch } from '../../services/ports/event-store.ts'
import { type Fence, FencedError } from '../postgres/fence.ts'
import { advance } from './checkpoints.ts'
import { isolate } from './isolate.ts'
import { park } from './parked.ts'
import { type Plan, planOf } from './plan.ts'
import { project } from './project.ts'
import type { Run } from './run.ts'

/**
 * Applies a batch to every run in one transaction: rows, parked events and checkpoints.
 *
 * When that fails, once more with savepoints, to find out whose fault it is. Moves the runs on.
 *
 * @returns what was done for each run that the batch concerns.
 * @param fences of the leases that the runs need; none for rows that nobody else knows of.
 * @throws {FencedError} when a checkpoint was not where this projector left it, or a lease is lost.
 * @throws when the database is to blame: nothing was done.
 */
export async function projectBatch(
  db: Kysely<unknown>,
  schema: string,
  runs: readonly Run[],
  batch: FeedBatch,
  fences: readonly Fence[] = [],
): Promise<readonly Plan[]> {
  const concerned = runs.filter(({ checkpoint }) => checkpoint.position < batch.through)
  const plans = concerned.map((run) => planOf(run, batch))
  if (plans.length === 0) return plans
  const target = { db, schema, fences }
  const done = await write(target, plans, async (trx, plan) => {
    await project(trx, plan.run, plan.steps)
    return plan
  }).catch((error) => {
    if (error instanceof FencedError) throw error
    return write(target, plans, isolate)
  })
  for (const plan of done) moveOn(plan)
  return done
}

function moveOn({ run, parked, reached, stopped }: Plan): void {
  run.checkpoint = { ...run.checkpoint, position: reached, stopped }
  for (const { event } of parked) run.parked.add(event.stream)
}

type Target = {
  readonly db: Kysely<unknown>
  readonly schema: string
  readonly fences: readonly Fence[]
}

async function write(
  { db, schema, fences }: Target,
  plans: readonly Plan[],
  carryOut: (trx: Transaction<unknown>, plan: Plan) => Promise<Plan>,
): Promise<readonly Plan[]> {
  return await db.transaction().execute(async (trx) => {
    await advance(trx, schema, plans.map(toAdvance), fences)
    const done: Plan[] = []
    for (const plan of plans) {
      const outcome = await carryOut(trx, plan)
      await park(trx, plan.run.model.name, outcome.parked)
      if (outcome.stopped !== plan.stopped) await amend(trx, schema, plan, outcome)
      done.push(outcome)
    }
    return done
  })
}

function toAdvance({ run, reached, stopped }: Plan) {
  return { name: run.model.name, from: run.checkpoint, to: reached, stopped }
}

/** The read model stopped within the batch: its checkpoint, already moved, goes back to there. */
async function amend(trx: Transaction<unknown>, schema: string, plan: Plan, outcome: Plan) {
  const from = { ...plan.run.checkpoint, position: plan.reached }
  await advance(trx, schema, [{ ...toAdvance(outcome), from }], [])
}
