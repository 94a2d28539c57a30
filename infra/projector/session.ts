import { setTimeout as delay } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import type pg from 'pg'
import { MissingTableError } from '../../projections/kernel/columns.ts'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { EventStore } from '../../services/ports/event-store.ts'
import type { Logger } from '../../services/ports/logger.ts'
import type { Metrics } from '../../services/ports/metrics.ts'
import { isLarge, readAhead } from '../eventstore/read-ahead.ts'
import type { Fence } from '../postgres/fence.ts'
import type { LeaseTiming } from '../postgres/lease-session.ts'
import { causeOf } from './blame.ts'
import { type Checkpoint, readCheckpoints, stop } from './checkpoints.ts'
import type { Plan } from './plan.ts'
import { type PreparedBatch, prepareBatches, writeBatch } from './project-batch.ts'
import { retryUnreadable } from './retry-unreadable.ts'
import { type Run, startRun, typesOf } from './run.ts'

const MAX_BATCH = 2_000
/** How often those that are not followed are looked at. */
const LOOK_MS = 250
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
  readonly timing?: LeaseTiming
}

export type SessionDeps = ProjectorDeps & {
  readonly db: Kysely<unknown>
  readonly schema: string
  readonly signal: AbortSignal
  /** Whoever took over since finds nothing changed by this session. */
  readonly fences: readonly Fence[]
  /** Called when something worked. */
  readonly succeeded: () => void
}

/**
 * Projects with the checkpoints as they are now. Ends when `signal` aborts or when there is
 * reason to look at the checkpoints anew: a rebuilt read model joins, a stopped one is tried again.
 *
 * @throws {FencedError} when somebody else moved a checkpoint, or took over.
 * @throws when the store or the database is to blame.
 */
export async function runSession(deps: SessionDeps): Promise<void> {
  const { db, schema, readModels, logger, signal } = deps
  await retryUnreadable(deps, readModels)
  const checkpoints = await readCheckpoints(db, schema)
  const versionOf = (model: AnyReadModel) => checkpoints.get(model.name)?.version ?? 0
  for (const model of readModels.filter((each) => versionOf(each) > each.version))
    logger.warn({ readModel: model.name }, 'left to a newer program')
  const own = readModels.filter((each) => versionOf(each) <= each.version)
  const runs = await startRuns(
    deps,
    own.filter((each) => versionOf(each) === each.version),
    checkpoints,
  )
  const followed = new Set(runs.map(({ model }) => model))
  const end = new AbortController()
  const both = AbortSignal.any([signal, end.signal])
  const finish = (work: Promise<void>) => work.finally(() => end.abort())
  await Promise.all([
    finish(followLog(deps, runs, followed, both)),
    finish(untilOneMayJoin(deps, own, followed, both)),
  ])
}

/** One whose table is gone is left out, and says so, instead of holding up the others. */
async function startRuns(
  { db, schema, logger, fences }: SessionDeps,
  models: readonly AnyReadModel[],
  checkpoints: ReadonlyMap<string, Checkpoint>,
): Promise<Run[]> {
  const runs: Run[] = []
  for (const model of models) {
    const checkpoint = checkpoints.get(model.name)
    if (checkpoint === undefined) continue
    try {
      runs.push(await startRun(db, schema, model, checkpoint))
    } catch (error) {
      if (!(error instanceof MissingTableError)) throw error
      const cause = causeOf(error)
      logger.error({ readModel: model.name, cause }, 'read model stopped')
      await stop(db, schema, fences, { name: model.name, from: checkpoint, cause })
    }
  }
  return runs
}

/** Resolves when one that is not followed was rebuilt, or is due to be tried again. */
async function untilOneMayJoin(
  { db, schema }: SessionDeps,
  own: readonly AnyReadModel[],
  followed: ReadonlySet<AnyReadModel>,
  signal: AbortSignal,
): Promise<void> {
  let since: number | undefined
  while (!signal.aborted) {
    await delay(LOOK_MS, undefined, { signal }).catch(() => {})
    const others = own.filter((model) => !followed.has(model))
    if (others.length === 0 || signal.aborted) continue
    since ??= performance.now()
    if (performance.now() - since > RETRY_STOPPED_MS) return
    const checkpoints = await readCheckpoints(db, schema)
    const isReady = ({ name, version }: AnyReadModel) => {
      const checkpoint = checkpoints.get(name)
      return checkpoint?.version === version && checkpoint.stopped === null
    }
    if (others.some(isReady)) return
  }
}

async function followLog(
  deps: SessionDeps,
  runs: readonly Run[],
  followed: Set<AnyReadModel>,
  signal: AbortSignal,
): Promise<void> {
  const { db, schema, store, succeeded, fences } = deps
  const end = new AbortController()
  const both = AbortSignal.any([signal, end.signal])
  const after = lowest(runs)
  if (after === undefined) return await aborted(signal)
  const feed = store.follow({ after, signal: both, types: typesOf(runs), maxBatch: MAX_BATCH })
  const prepared = prepareBatches(runs, readAhead(feed, { isWorthIt: isLarge }))
  const leave = () => end.abort()
  const isWorthIt = ({ batch }: PreparedBatch) => isLarge(batch)
  for await (const each of readAhead(prepared, { leave, isWorthIt })) {
    if (signal.aborted) return
    const plans = await writeBatch(db, schema, each, fences)
    succeeded()
    report(deps, plans)
    for (const { model, checkpoint } of runs)
      if (checkpoint.stopped !== null) followed.delete(model)
  }
  if (!signal.aborted) throw new Error('The event store was closed.')
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
