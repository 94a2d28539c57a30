import type { Kysely } from 'kysely'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { EventStore, Position } from '../../services/ports/event-store.ts'
import { readAhead } from '../eventstore/read-ahead.ts'
import { addCheckpoints, type Checkpoint } from './checkpoints.ts'
import { prepareBatches, writeBatch } from './project-batch.ts'
import { type Run, startRun, typesOf } from './run.ts'

const MAX_BATCH = 2_000

/** The start of the log, in a schema whose tables are empty. */
export async function startBuild(
  db: Kysely<unknown>,
  schema: string,
  models: readonly AnyReadModel[],
): Promise<Run[]> {
  await addCheckpoints(db, schema, models, ({ version }) => version)
  return Promise.all(models.map((model) => startRun(db, schema, model, start(model))))
}

export type BuildOptions = {
  readonly db: Kysely<unknown>
  readonly store: EventStore
  /** Holds the rows that the runs write. */
  readonly schema: string
  readonly signal: AbortSignal
  /** `events` is how many were read since the call. */
  readonly onProgress?: (events: number, position: Position) => void
}

/**
 * Takes the runs further, each through its `until`, all in one reading of the log. One that
 * stops on the way says so in its checkpoint.
 *
 * @throws when `signal` aborts, or the store or the database fails.
 */
export async function buildThrough(
  all: readonly Run[],
  { db, store, schema, signal, onProgress }: BuildOptions,
): Promise<void> {
  const runs = all.filter(isUnderWay)
  if (runs.length === 0) return
  const done = new AbortController()
  const both = AbortSignal.any([signal, done.signal])
  const after = runs.map(({ checkpoint }) => checkpoint.position).reduce(lower)
  const end = runs.map(({ until = 0n }) => until).reduce(higher)
  const feed = store.follow({ after, signal: both, types: typesOf(runs), maxBatch: MAX_BATCH })
  const read = readAhead(feed)
  const leave = () => done.abort()
  let events = 0
  for await (const prepared of readAhead(prepareBatches(runs, read), { leave })) {
    signal.throwIfAborted()
    await writeBatch(db, schema, prepared)
    const { batch } = prepared
    events += batch.events.length
    onProgress?.(events, batch.through)
    if (batch.through >= end || !runs.some(isUnderWay)) return
  }
  signal.throwIfAborted()
  throw new Error('The event store was closed.')
}

function start({ version }: AnyReadModel): Checkpoint {
  return { version, position: 0n, epoch: 0, stopped: null }
}

function isUnderWay({ checkpoint, until = 0n }: Run): boolean {
  return checkpoint.stopped === null && checkpoint.position < until
}

function lower(one: Position, other: Position): Position {
  return one < other ? one : other
}

function higher(one: Position, other: Position): Position {
  return one > other ? one : other
}
