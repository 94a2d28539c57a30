import { fileURLToPath } from 'node:url'
import { DEFAULT_TENANT } from '../../domain/identity/tenant.ts'
import { createSyncLedger } from '../../infra/registry/sync-ledger.ts'
import { createUpstreamRegistry } from '../../infra/registry/upstream-registry.ts'
import { marketplaceRoutes } from '../marketplace/routes.ts'
import { runSyncSchedule } from '../registry/jobs.ts'
import { registryCommands } from '../registry/platform-commands.ts'
import { runRegistryReactor } from '../registry/reactor.ts'
import { registryRoutes } from '../registry/routes.ts'
import { ensureStarterSource, STARTER_FILE, STARTER_NAME } from '../registry/starter-source.ts'
import { DEFAULT_SYNC_LIMITS } from '../registry/sync-limits.ts'
import type { SyncDeps } from '../registry/sync-runner.ts'
import type { Context, Platform } from './platform.ts'

/** The mirror of the upstream registries, and the services that people find in it. */
export async function composeRegistry(platform: Platform): Promise<Context> {
  const { bus, config, db, freshness, logger, metrics, now, owned, pool, store } = platform
  const upstream = owned.use(
    'upstream registries',
    createUpstreamRegistry({
      http: { allowPrivate: config.allowPrivateUpstreams },
      files: {
        roots: config.registryFileRoots,
        builtIn: { [STARTER_NAME]: fileURLToPath(STARTER_FILE) },
      },
    }),
  )
  const ledger = createSyncLedger(pool)
  const shared = { events: store, db, upstream, ledger, now }
  const sync = {
    ...shared,
    freshness,
    limits: DEFAULT_SYNC_LIMITS,
    metrics,
    logger,
  } satisfies SyncDeps
  await ensureStarterSource({ events: store, now }, DEFAULT_TENANT)
  return {
    routes: [
      { role: 'api', plugin: registryRoutes(shared) },
      { role: 'api', plugin: marketplaceRoutes({ db, now }) },
    ],
    parts: [
      {
        role: 'reactors',
        name: 'registry reactor',
        run: (signal) => runRegistryReactor({ ...sync, bus }, signal),
      },
      { role: 'jobs', name: 'sync schedule', run: (signal) => runSyncSchedule(sync, signal) },
    ],
    commands: registryCommands(shared),
  }
}
