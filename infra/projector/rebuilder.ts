import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { ReadModelRebuilder } from '../../services/ports/read-model-rebuilder.ts'
import { createReadDatabase } from '../postgres/pool.ts'
import { readCheckpoints } from './checkpoints.ts'
import { LIVE_SCHEMA } from './live-schema.ts'
import { type RebuildDeps, rebuildReadModel } from './rebuild.ts'

export type RebuilderDeps = Omit<RebuildDeps, 'db' | 'schema'> & {
  readonly readModels: readonly AnyReadModel[]
  /** By default the live one. */
  readonly schema?: string
}

export function createReadModelRebuilder(deps: RebuilderDeps): ReadModelRebuilder {
  const { readModels, schema = LIVE_SCHEMA } = deps
  const db = createReadDatabase<unknown>(deps.pool)
  /** A newer program's rows are its own. */
  const isOurs = async ({ name, version }: AnyReadModel) => {
    const checkpoint = (await readCheckpoints(db, schema)).get(name)
    return checkpoint !== undefined && checkpoint.version <= version
  }
  return {
    async rebuild(readModel, asked, signal) {
      const model = readModels.find(({ name }) => name === readModel)
      if (model === undefined) return { outcome: 'not-wanted' }
      const wanted = async () => (await isOurs(model)) && (await asked())
      return await rebuildReadModel({ ...deps, db, schema }, model, { wanted, signal })
    },
  }
}
