import type { Kysely } from 'kysely'
import type pg from 'pg'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { EventStore, Position } from '../../services/ports/event-store.ts'
import type { Logger } from '../../services/ports/logger.ts'
import type { RebuildOutcome } from '../../services/ports/read-model-rebuilder.ts'
import type { Fence } from '../postgres/fence.ts'
import { holdLease } from '../postgres/lease.ts'
import { blame, causeOf } from './blame.ts'
import { buildThrough, startBuild } from './build.ts'
import { type Progress, tellProgress } from './rebuild-progress.ts'
import type { Run } from './run.ts'
import { dropLeftovers, dropSchema, makeScratch, scratchName } from './scratch.ts'
import { switchOver } from './switch-over.ts'

export type RebuildDeps = {
  readonly pool: pg.Pool
  readonly db: Kysely<unknown>
  readonly store: EventStore
  readonly logger: Logger
  /** Where the rows are that queries see. */
  readonly schema: string
}

export type RebuildOptions = {
  /** Asked once nobody else rebuilds this read model: another process may have done it. */
  readonly wanted: () => Promise<boolean>
  readonly signal: AbortSignal
}

/** What may be left to do while the live read model is kept from going on. */
const FEW_EVENTS = 1_000

/** The read model cannot get beyond some event: its message says why. */
class StoppedError extends Error {
  override readonly name = 'StoppedError'
}

/**
 * Builds one read model anew beside its live rows, which queries see and the projector keeps up
 * to date until, at the same place in the log, the new ones take their place. Waits its turn where
 * another process rebuilds the same one. What a process that died had built is dropped.
 *
 * @throws when `signal` aborts, or the store or the database fails: the live rows are as they were.
 */
export async function rebuildReadModel(
  deps: RebuildDeps,
  model: AnyReadModel,
  { wanted, signal }: RebuildOptions,
): Promise<RebuildOutcome> {
  const { pool, schema, logger } = deps
  const name = `rebuild ${schema} ${model.name}`
  let outcome: RebuildOutcome | undefined
  await holdLease({ pool, name, signal, logger }, async (held, fences) => {
    const fenced = { signal: held.signal, fences: [...fences.values()] }
    outcome = (await wanted()) ? await rebuild(deps, model, fenced) : { outcome: 'not-wanted' }
  })
  if (outcome !== undefined) return outcome
  signal.throwIfAborted()
  throw new Error('The lease of the rebuild was lost.')
}

type Fenced = { readonly signal: AbortSignal; readonly fences: readonly Fence[] }

async function rebuild(
  deps: RebuildDeps,
  model: AnyReadModel,
  fenced: Fenced,
): Promise<RebuildOutcome> {
  const { db, store, logger } = deps
  const { name: readModel, version } = model
  const startedAt = performance.now()
  const purpose = `of_${readModel}`
  const built = scratchName(purpose)
  const until = await store.head()
  const progress: Progress = { version, phase: 'building', events: 0, position: 0n, until }
  logger.info({ readModel, version }, 'rebuilding a read model')
  const telling = tellProgress(db, readModel, progress)
  try {
    await dropLeftovers(db, purpose)
    await makeScratch(db, built, [model])
    const [run] = await startBuild(db, built, [model])
    if (run === undefined) throw new Error('A build has a run for each read model.')
    const cause = await replace(deps, built, run, progress, fenced)
    if (cause !== null) return failed(logger, readModel, cause)
    const { position } = run.checkpoint
    const durationMs = performance.now() - startedAt
    logger.info({ readModel, version, events: progress.events, durationMs }, 'read model rebuilt')
    return { outcome: 'rebuilt', version, position, events: progress.events, durationMs }
  } finally {
    await telling.stop()
    await dropSchema(db, built)
  }
}

function failed(logger: Logger, readModel: string, cause: string): RebuildOutcome {
  logger.error({ readModel, cause }, 'read model not rebuilt')
  return { outcome: 'failed', cause }
}

/** @returns why it cannot be done; null when it is done. */
async function replace(
  { db, store, schema: live }: RebuildDeps,
  built: string,
  run: Run,
  progress: Progress,
  { signal, fences }: Fenced,
): Promise<string | null> {
  const build = async (until: Position) => {
    const before = progress.events
    progress.until = until
    run.until = until
    await buildThrough([run], {
      ...{ db, store, schema: built, signal },
      onProgress(events, position) {
        progress.events = before + events
        progress.position = position < until ? position : until
      },
    })
    if (run.checkpoint.stopped !== null) throw new StoppedError(run.checkpoint.stopped)
  }
  try {
    // Each turn takes in what was appended during the one before; the live one must not wait for much.
    let before: number
    do {
      before = progress.events
      await build(await store.head())
    } while (progress.events - before > FEW_EVENTS)
    progress.phase = 'switching'
    await switchOver(db, { live, built }, run, fences, build)
    return null
  } catch (error) {
    if (error instanceof StoppedError) return error.message
    if (blame(error, true) === 'read-model') return causeOf(error)
    throw error
  }
}
