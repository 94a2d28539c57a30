import { setTimeout as delay } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { readCheckpoints } from './checkpoints.ts'
import type { ProjectorDeps } from './session.ts'

const INTERVAL_MS = 1_000

/**
 * Tells how far each read model is behind until `signal` aborts, by the clock: also of one that is
 * stopped, of one that is being rebuilt and while no batch can be projected.
 */
export async function measureLag(
  { store, readModels, metrics }: ProjectorDeps,
  db: Kysely<unknown>,
  schema: string,
  signal: AbortSignal,
): Promise<void> {
  const tell = async () => {
    const checkpoints = await readCheckpoints(db, schema)
    const head = await store.head()
    for (const { name } of readModels) {
      const position = checkpoints.get(name)?.position ?? 0n
      metrics.projectorAt(name, position, head > position ? Number(head - position) : 0)
    }
  }
  while (!signal.aborted) {
    // Without the database or the store there is nothing new to tell; readiness says that they are away.
    await tell().catch(() => {})
    await delay(INTERVAL_MS, undefined, { signal }).catch(() => {})
  }
}
