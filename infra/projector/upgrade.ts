import { setTimeout as delay } from 'node:timers/promises'
import { backoff } from '../../domain/kernel/backoff.ts'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import { addCheckpoints, readCheckpoints } from './checkpoints.ts'
import { type RebuildDeps, rebuildReadModel } from './rebuild.ts'

const RETRY_MIN_MS = 100
const RETRY_MAX_MS = 10_000
/** One that cannot be built is tried again after this time: what was wrong may be put right. */
const RETRY_FAILED_MS = 60_000

/**
 * Every read model gets a checkpoint. On a system without any, they all begin where the log
 * does; one that comes later is built beside the others first, so that they do not wait for it.
 */
export async function establish(
  { db, schema }: RebuildDeps,
  models: readonly AnyReadModel[],
): Promise<void> {
  const known = await readCheckpoints(db, schema)
  const missing = models.filter(({ name }) => !known.has(name))
  await addCheckpoints(db, schema, missing, ({ version }) => (known.size === 0 ? version : 0))
}

/**
 * Builds the read models whose rows are of an older version than this program's, all at once.
 * What is owed is what the checkpoints say, so a restart goes on with it.
 *
 * Resolves when none is left, or `signal` aborts.
 */
export async function upgradeReadModels(
  deps: RebuildDeps,
  models: readonly AnyReadModel[],
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(models.map((model) => upgrade(deps, model, signal)))
}

async function upgrade(deps: RebuildDeps, model: AnyReadModel, signal: AbortSignal): Promise<void> {
  const { db, schema, logger } = deps
  const wanted = async () => {
    const checkpoint = (await readCheckpoints(db, schema)).get(model.name)
    return checkpoint !== undefined && checkpoint.version < model.version
  }
  for (let failures = 1; !signal.aborted; failures++) {
    let waitMs = backoff(failures, RETRY_MIN_MS, RETRY_MAX_MS)
    try {
      if (!(await wanted())) return
      const { outcome } = await rebuildReadModel(deps, model, { wanted, signal })
      if (outcome !== 'failed') return
      waitMs = RETRY_FAILED_MS
    } catch (error) {
      if (signal.aborted) return
      logger.warn({ readModel: model.name, err: error }, 'rebuild is interrupted')
    }
    await delay(waitMs, undefined, { signal }).catch(() => {})
  }
}
