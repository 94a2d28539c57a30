import type { Kysely } from 'kysely'
import type pg from 'pg'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { EventStore } from '../../services/ports/event-store.ts'
import type { Logger } from '../../services/ports/logger.ts'
import type { Metrics } from '../../services/ports/metrics.ts'
import { readAhead } from '../eventstore/read-ahead.ts'
import { adopt } from './adopt.ts'
import { buildReadModels } from './build.ts'
import { addCheckpoints, type Checkpoint, readCheckpoints } from './checkpoints.ts'
import type { Plan } from './plan.ts'
import { projectBatch } from './project-batch.ts'
import { type Run, startRun, typesOf } from './run.ts'
import { dropAbandoned, dropSchema, makeScratch, scratchName } from './scratch.ts'

const MAX_BATCH = 2_000
/** A read model that stopped is tried again after this time: what was missing may be there. */
const RETRY_STOPPED_MS = 60_000

export type ProjectorDeps = {
  readonly pool: pg.Pool
  readonly store: EventStore
  readonly readModels: readonly AnyReadModel[]
  readonly logger: Logger
  readonly metrics: Metrics
  /** By default the live one. */
  readonly schema?: string
}

export type SessionDeps = ProjectorDeps & {
  readonly db: Kysely<unknown>
  readonly schema: string
  readonly signal: AbortSignal
  /** Called when something worked. */
  readonly succeeded: () => void
}

/**
 * Projects with the checkpoints as they are now. Ends when `signal` aborts or when there is
 * reason to look at the checkpoints anew: a rebuilt read model joins, a stopped one is tried again.
 *
 * @throws {FencedError} when somebody else moved a checkpoint.
 * @throws when the store or the database is to blame.
 */
export async function runSession(deps: SessionDeps): Promise<void> {
  const { db, schema, readModels, logger, signal } = deps
  const checkpoints = await establish(db, schema, readModels)
  const versionOf = (model: AnyReadModel) => checkpoints.get(model.name)?.version ?? 0
  for (const model of readModels.filter((each) => versionOf(each) > each.version))
    logger.warn({ readModel: model.name }, 'left to a newer program')
  const outdated = readModels.filter((each) => versionOf(each) < each.version)
  const current = readModels.filter((each) => versionOf(each) === each.version)
  const runs = await Promise.all(
    current.map((each) => startRun(db, schema, each, checkpoints.get(each.name) as Checkpoint)),
  )
  const end = new AbortController()
  const both = AbortSignal.any([signal, end.signal])
  const finish = <T>(work: Promise<T>) => work.finally(() => end.abort())
  await Promise.all([
    finish(followLog(deps, runs, both, end)),
    ...(outdated.length > 0 ? [finish(rebuild(deps, outdated, both))] : []),
  ])
}

/**
 * Every read model gets a checkpoint. On a system without any, they all begin where the log
 * does; one that comes later is built beside the others first, so that they do not wait for it.
 */
async function establish(
  db: Kysely<unknown>,
  schema: string,
  models: readonly AnyReadModel[],
): Promise<Map<string, Checkpoint>> {
  const known = await readCheckpoints(db, schema)
  const missing = models.filter(({ name }) => !known.has(name))
  if (missing.length === 0) return known
  await addCheckpoints(db, schema, missing, ({ version }) => (known.size === 0 ? version : 0))
  return readCheckpoints(db, schema)
}

async function followLog(
  deps: SessionDeps,
  runs: readonly Run[],
  signal: AbortSignal,
  end: AbortController,
): Promise<void> {
  const { db, schema, store, succeeded } = deps
  let going = runs
  let retry: NodeJS.Timeout | undefined
  try {
    const after = lowest(runs)
    if (after === undefined) return await aborted(signal)
    const feed = store.follow({ after, signal, types: typesOf(runs), maxBatch: MAX_BATCH })
    for await (const batch of readAhead(feed, () => end.abort())) {
      if (signal.aborted) return
      const plans = await projectBatch(db, schema, going, batch)
      succeeded()
      report(deps, plans)
      going = going.filter(({ checkpoint }) => checkpoint.stopped === null)
      if (going.length < runs.length) retry ??= setTimeout(() => end.abort(), RETRY_STOPPED_MS)
    }
    if (!signal.aborted) throw new Error('The event store was closed.')
  } finally {
    clearTimeout(retry)
  }
}

function lowest(runs: readonly Run[]): bigint | undefined {
  const [first, ...rest] = runs.map(({ checkpoint }) => checkpoint.position)
  return rest.reduce((low, each) => (low === undefined || each < low ? each : low), first)
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Tells what went wrong with a batch. */
function report({ logger, metrics }: SessionDeps, plans: readonly Plan[]): void {
  for (const plan of plans) {
    logFaults(logger, plan)
    for (const _ of plan.parked) metrics.eventParked(plan.run.model.name)
  }
}

function logFaults(logger: Logger, { run, parked, stopped }: Plan): void {
  const readModel = run.model.name
  for (const { event, cause } of parked) {
    if (cause === undefined) continue
    const { stream, eventId, type } = event
    logger.error({ readModel, stream, eventId, type, cause }, 'stream parked')
  }
  if (stopped !== null) logger.error({ readModel, cause: stopped }, 'read model stopped')
}

/** Builds read models of a new version beside the live ones, which queries see until they are done. */
async function rebuild(
  { db, store, schema: live, logger, succeeded }: SessionDeps,
  models: readonly AnyReadModel[],
  signal: AbortSignal,
): Promise<void> {
  const names = models.map(({ name }) => name)
  logger.info({ readModels: names }, 'rebuilding read models')
  const built = scratchName()
  try {
    await dropAbandoned(db)
    await makeScratch(db, { live, schema: built }, models)
    const head = await store.head()
    const until = new Map(models.map((model) => [model, head]))
    await buildReadModels({ db, store, until, schema: built, signal })
    for (const model of models) await adopt(db, { live, built }, model)
    succeeded()
    logger.info({ readModels: names }, 'read models rebuilt')
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await dropSchema(db, built)
  }
}
