import type { Kysely, Transaction } from 'kysely'
import type { FeedBatch, Position } from '../../services/ports/event-store.ts'
import { type Fence, FencedError } from '../postgres/fence.ts'
import { advance, LOOK, placesOf } from './checkpoints.ts'
import { isolate } from './isolate.ts'
import { park } from './parked.ts'
import { type Plan, planOf } from './plan.ts'
import { projection, type Writing } from './project.ts'
import type { Run } from './run.ts'

/** A batch for one run, encoded as far as that goes without the database. */
type Prepared = {
  readonly plan: Plan
  readonly writing: Writing
  /** Streams that were parked when it was prepared; with more of them it would be another plan. */
  readonly parkedStreams: number
}

/** A batch for every run that it concerns. */
export type PreparedBatch = {
  readonly batch: FeedBatch
  readonly after: Position | undefined
  readonly prepared: readonly Prepared[]
}

/**
 * Prepares batches in their order. Around it, `readAhead` prepares one while the one before is
 * written: this program and the database then work at the same time.
 */
export async function* prepareBatches(
  runs: readonly Run[],
  feed: AsyncIterable<FeedBatch>,
): AsyncGenerator<PreparedBatch> {
  let after: Position | undefined
  for await (const batch of feed) {
    yield prepareBatch(runs, batch, after)
    after = batch.through
  }
}

export function prepareBatch(
  runs: readonly Run[],
  batch: FeedBatch,
  after?: Position,
): PreparedBatch {
  const prepared = runs.flatMap((run) => prepare(run, batch, after) ?? [])
  return { batch, after, prepared }
}

function prepare(run: Run, batch: FeedBatch, after?: Position): Prepared | undefined {
  if (run.checkpoint.stopped !== null) return undefined
  const plan = planOf(run, batch, after)
  if (plan === undefined) return undefined
  return { plan, writing: projection(run, plan.steps), parkedStreams: run.parked.size }
}

/**
 * Applies a batch in one transaction: rows, parked events and checkpoints.
 *
 * When that fails, once more with savepoints, to find out whose fault it is. Moves the runs on.
 *
 * @returns what was done for each run that the batch concerns.
 * @param fences of the leases that the runs need; none for rows that nobody else knows of.
 * @throws {FencedError} when a checkpoint was not where this projector left it, or a lease is lost.
 * @throws when the database is to blame: nothing was done.
 */
export async function writeBatch(
  db: Kysely<unknown>,
  schema: string,
  { batch, after, prepared }: PreparedBatch,
  fences: readonly Fence[] = [],
): Promise<readonly Plan[]> {
  const current = prepared.flatMap((each) => {
    const { run } = each.plan
    const holds = run.checkpoint.stopped === null && run.parked.size === each.parkedStreams
    return holds ? each : (prepare(run, batch, after) ?? [])
  })
  if (current.length === 0) return []
  const target = { db, schema, fences }
  const done = await write(target, current, async (trx, { plan, writing }) => {
    await writing(trx)
    return plan
  }).catch((error) => {
    if (error instanceof FencedError) throw error
    // What it finds to be at fault does not get as far as was planned.
    return write(target, current, (trx, { plan }) => isolate(trx, plan), LOOK)
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
  prepared: readonly Prepared[],
  carryOut: (trx: Transaction<unknown>, prepared: Prepared) => Promise<Plan>,
  told?: string,
): Promise<readonly Plan[]> {
  const advances = prepared.map(({ plan }) => toAdvance(plan))
  return await db.transaction().execute(async (trx) => {
    await advance(trx, schema, advances, fences, told ?? placesOf(schema, advances))
    const done: Plan[] = []
    for (const each of prepared) {
      const { plan } = each
      const outcome = await carryOut(trx, each)
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
  await advance(trx, schema, [{ ...toAdvance(outcome), from }], [], LOOK)
}
