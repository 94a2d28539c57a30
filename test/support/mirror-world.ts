import { randomUUID } from 'node:crypto'
import { type SourceCommand, source, sourceStream } from '../../domain/registry/source.ts'
import { createReadDatabase } from '../../infra/postgres/pool.ts'
import { createProjector } from '../../infra/projector/projector.ts'
import { createReadFreshness } from '../../infra/projector/read-freshness.ts'
import type { HttpUpstreamOptions } from '../../infra/registry/http-upstream.ts'
import { createSyncLedger } from '../../infra/registry/sync-ledger.ts'
import { createUpstreamRegistry } from '../../infra/registry/upstream-registry.ts'
import { catalogue } from '../../projections/registry/catalogue.ts'
import type { CatalogueTables } from '../../projections/registry/catalogue-tables.ts'
import {
  findSource,
  type SourceRow,
  type SourcesTables,
  sources,
} from '../../projections/registry/sources.ts'
import { execute } from '../../services/kernel/execute.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { DEFAULT_SYNC_LIMITS, type SyncLimits } from '../../services/registry/sync-limits.ts'
import { runSync, type SyncOutcome } from '../../services/registry/sync-runner.ts'
import { freshPostgresStore } from './postgres-store.ts'

export const TENANT = 'acme'

type Scope = { teardown: (stop: () => Promise<void>) => void }

export type MirrorWorldOptions = {
  readonly http?: Partial<HttpUpstreamOptions>
  readonly fileRoots?: readonly string[]
  readonly builtIn?: Readonly<Record<string, string>>
  readonly limits?: Partial<SyncLimits>
}

/** Log, projector and sync of one tenant on a database of their own, without a bus. */
export async function mirrorWorld(
  t: Scope,
  { http = {}, fileRoots = [], builtIn = {}, limits = {} }: MirrorWorldOptions = {},
) {
  const stopping = new AbortController()
  let projecting: Promise<void> = Promise.resolve()
  const upstream = createUpstreamRegistry({
    http: { allowPrivate: true, minBackoffMs: 1, attempts: 2, ...http },
    files: { roots: fileRoots, builtIn },
  })
  const { store, pool, appUrl } = await freshPostgresStore({
    teardown: (close) =>
      t.teardown(async () => {
        stopping.abort()
        await projecting
        await freshness[Symbol.asyncDispose]()
        await upstream[Symbol.asyncDispose]()
        await close()
      }),
  })
  const freshness = createReadFreshness({ pool })
  const shared = { logger: silent, metrics: noMetrics }
  projecting = createProjector({
    ...{ pool, store, readModels: [sources, catalogue] },
    ...shared,
  }).run(stopping.signal)
  const db = createReadDatabase<CatalogueTables & SourcesTables>(pool)
  const deps = {
    ...{ events: store, db, freshness, upstream, ledger: createSyncLedger(pool) },
    ...{ limits: { ...DEFAULT_SYNC_LIMITS, ...limits }, now: () => new Date(), ...shared },
  }

  async function command(given: SourceCommand) {
    const context = {
      ...{ tenantId: TENANT, actorId: 'test', correlationId: 'test', causationId: 'test' },
    }
    return execute(store, source, sourceStream(TENANT, given.sourceId), given, context)
  }

  async function caughtUp() {
    if (!(await freshness.waitFor(await store.head(), 60_000)))
      throw new Error('The read models do not catch up.')
  }

  return {
    deps,
    pool,
    appUrl,
    caughtUp,
    command,
    async add(sourceId: string, location: string, kind: 'official' | 'file' = 'official') {
      const now = new Date().toISOString()
      await command({
        ...{ type: 'AddSource', sourceId, name: sourceId, kind, location, now },
        syncIntervalSeconds: 3_600,
      })
    },
    /** Runs to the end. @returns the source afterwards. */
    async sync(sourceId: string, acceptShrink = false): Promise<SourceRow> {
      const runId = randomUUID()
      const now = new Date().toISOString()
      await command({
        ...{ type: 'StartSync', sourceId, runId, trigger: 'request', acceptShrink, now },
      })
      const outcome: SyncOutcome = await runSync(
        deps,
        { tenantId: TENANT, sourceId },
        runId,
        stopping.signal,
      )
      if (outcome !== 'done') throw new Error(`The sync was ${outcome}.`)
      await caughtUp()
      const row = await findSource(db, TENANT, sourceId)
      if (row === undefined) throw new Error('The source is gone.')
      return row
    },
    /** The entries that the catalogue shows, by `name@version`. */
    async entries(): Promise<Map<string, unknown>> {
      const rows = await db
        .selectFrom('catalogue_entries')
        .select(['name', 'version', 'entry'])
        .where('winner', '=', true)
        .execute()
      return new Map(
        rows.map(({ name, version, entry }) => [`${name}@${version}`, JSON.parse(entry ?? 'null')]),
      )
    },
    /** How many entry events of each kind the log holds. */
    async entryEvents(): Promise<Record<string, number>> {
      const { rows } = await pool.query<{ type: string; count: string }>(
        `select type, count(*)::text from log.events where type like 'CatalogueEntry%' group by 1`,
      )
      return Object.fromEntries(rows.map(({ type, count }) => [type, Number(count)]))
    },
  }
}
