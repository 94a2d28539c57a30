import type { Kysely } from 'kysely'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { EventStore, FeedBatch, Position } from '../../services/ports/event-store.ts'
import { readAhead } from '../eventstore/read-ahead.ts'
import { addCheckpoints, type Checkpoint } from './checkpoints.ts'
import type { Plan } from './plan.ts'
import { projectBatch } from './project-batch.ts'
import { startRun, typesOf } from './run.ts'

const MAX_BATCH = 2_000

export type BuildOptions = {
  readonly db: Kysely<unknown>
  readonly store: EventStore
  /** Each read model and the position, inclusive, up to which it is built. */
  readonly until: ReadonlyMap<AnyReadModel, Position>
  /** Holds the read models' tables, empty. */
  readonly schema: string
  readonly signal: AbortSignal
  readonly onProgress?: (events: number, position: Position) => void
}

/**
 * Builds read models from the start of the log, all in one reading of it.
 *
 * @returns for each, why a strict read model did not get to its end; null when it did.
 * @throws when `signal` aborts, or the store or the database fails.
 */
export async function buildReadModels(
  options: BuildOptions,
): Promise<ReadonlyMap<AnyReadModel, string | null>> {
  const { db, until, schema, signal } = options
  const models = [...until.keys()]
  await addCheckpoints(db, schema, models, ({ version }) => version)
  const runs = await Promise.all(
    models.map((model) => startRun(db, schema, model, start(model), until.get(model))),
  )
  const end = [...until.values()].reduce((last, each) => (each > last ? each : last), 0n)
  const stopped = new Map<AnyReadModel, string | null>(models.map((model) => [model, null]))
  let going = runs
  let events = 0
  const apply = async (batch: FeedBatch) => {
    signal.throwIfAborted()
    const plans = await projectBatch(db, schema, going, batch)
    for (const plan of plans.filter(isStopped)) stopped.set(plan.run.model, plan.stopped)
    going = going.filter(({ checkpoint }) => checkpoint.stopped === null)
    events += batch.events.length
    options.onProgress?.(events, batch.through)
  }
  if (end > 0n) await followUntil(end, options, typesOf(runs), apply)
  return stopped
}

async function followUntil(
  end: Position,
  { store, signal }: BuildOptions,
  types: readonly string[],
  apply: (batch: FeedBatch) => Promise<void>,
): Promise<void> {
  const done = new AbortController()
  const both = AbortSignal.any([signal, done.signal])
  const feed = store.follow({ after: 0n, signal: both, types, maxBatch: MAX_BATCH })
  for await (const batch of readAhead(feed, () => done.abort())) {
    await apply(batch)
    if (batch.through >= end) return
  }
  signal.throwIfAborted()
  throw new Error('The event store was closed.')
}

function start({ version }: AnyReadModel): Checkpoint {
  return { version, position: 0n, epoch: 0, stopped: null }
}

function isStopped({ stopped }: Plan): boolean {
  return stopped !== null
}
