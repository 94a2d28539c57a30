import { setTimeout as delay } from 'node:timers/promises'
import type { Kysely } from 'kysely'
import { v5 as uuidOf } from 'uuid'
import { source, sourceStream } from '../../domain/registry/source.ts'
import type { CatalogueTables } from '../../projections/registry/catalogue-tables.ts'
import { orphanedSources } from '../../projections/registry/mirror-state.ts'
import {
  type SourceRow,
  type SourcesTables,
  sourcesOfAllTenants,
} from '../../projections/registry/sources.ts'
import { execute } from '../kernel/execute.ts'
import type { SourceKey } from '../ports/sync-ledger.ts'
import { clearRemovedSource } from './source-removal.ts'
import { runSync, type SyncDeps, SyncPostponedError } from './sync-runner.ts'

const TICK_MS = 5_000
const SECOND_MS = 1_000
/** Namespace of scheduled runs' ids (RFC 9562, version 5). */
const RUN_NAMESPACE = '2f3d1c0e-7b7f-4f6c-9a59-0d3f1ab1b0a4'

export type SyncScheduleDeps = Omit<SyncDeps, 'db'> & {
  readonly db: Kysely<CatalogueTables & SourcesTables>
  readonly tickMs?: number
}

/**
 * Until `signal` aborts: starts the runs that are due, and carries on the runs and removals
 * that nobody works on although they are owed. Any number of processes may do it.
 */
export async function runSyncSchedule(deps: SyncScheduleDeps, signal: AbortSignal): Promise<void> {
  const working = new Map<string, Promise<void>>()
  while (!signal.aborted) {
    try {
      await tick(deps, working, signal)
    } catch (error) {
      deps.logger.warn({ err: error }, 'sync schedule skipped a turn')
    }
    await delay(deps.tickMs ?? TICK_MS, undefined, { signal }).catch(() => {})
  }
  await Promise.all(working.values())
}

async function tick(
  deps: SyncScheduleDeps,
  working: Map<string, Promise<void>>,
  signal: AbortSignal,
): Promise<void> {
  const carryOn = (key: SourceKey, work: () => Promise<unknown>) => {
    const id = `${key.tenantId}/${key.sourceId}`
    if (working.has(id)) return
    const done = work()
      .catch((error: unknown) => report(deps, key, error))
      .then(() => void working.delete(id))
    working.set(id, done)
  }
  for (const row of await sourcesOfAllTenants(deps.db)) {
    const key = { tenantId: row.tenant_id, sourceId: row.source_id }
    try {
      if (row.run_status === 'running' && row.run_id !== null) {
        const runId = row.run_id
        if ((await deps.ledger.running(key)) === undefined)
          carryOn(key, () => runSync(deps, key, runId, signal))
      } else if (isDue(row, deps.now())) await start(deps, row)
    } catch (error) {
      // The other sources, perhaps of other tenants, must not wait for this one.
      deps.logger.warn({ ...key, err: error }, 'The schedule left a source out.')
    }
  }
  for (const key of await orphanedSources(deps.db))
    carryOn(key, () => clearRemovedSource(deps, key))
}

function isDue(row: SourceRow, now: Date): boolean {
  if (row.run_started_at === null) return true
  const started = new Date(row.run_started_at).getTime()
  return started + row.sync_interval_seconds * SECOND_MS <= now.getTime()
}

/** Two processes that see the same row start the same run. */
async function start(deps: SyncScheduleDeps, row: SourceRow): Promise<void> {
  const stream = sourceStream(row.tenant_id, row.source_id)
  const last = row.run_id ?? new Date(row.added_at).toISOString()
  const runId = uuidOf(`${stream}/${last}`, RUN_NAMESPACE)
  await execute(
    deps.events,
    source,
    stream,
    {
      type: 'StartSync',
      sourceId: row.source_id,
      runId,
      trigger: 'schedule',
      acceptShrink: false,
      now: deps.now().toISOString(),
    },
    {
      tenantId: row.tenant_id,
      actorId: 'system:sync-schedule',
      correlationId: runId,
      causationId: runId,
      commandId: runId,
    },
  )
}

function report({ logger }: SyncScheduleDeps, key: SourceKey, error: unknown): void {
  if (error instanceof SyncPostponedError) logger.info({ ...key }, error.message)
  else logger.warn({ ...key, err: error }, 'registry sync was interrupted')
}
