import { DEFAULT_TENANT } from '../../domain/identity/tenant.ts'
import { runRelay } from '../../infra/nats/relay.ts'
import { holdLease } from '../../infra/postgres/lease.ts'
import { createProjections } from '../../infra/projector/projections.ts'
import { createProjector } from '../../infra/projector/projector.ts'
import { createReadModelRebuilder } from '../../infra/projector/rebuilder.ts'
import { createReadModelVerifier } from '../../infra/projector/verify.ts'
import { readModels } from '../../projections/read-models.ts'
import { auditRoutes } from '../audit/routes.ts'
import type { HealthResult } from '../kernel/health-routes.ts'
import { createVerifications } from '../kernel/verifications.ts'
import { runRebuilds } from '../operations/rebuilds.ts'
import { operationsRoutes } from '../operations/routes.ts'
import type { Projections } from '../ports/projections.ts'
import type { Context, Platform } from './platform.ts'

/** Behind by more than this, answers are too old to be sent: positions count events in Postgres, bytes in EventStoreDB. */
const MAX_LAG = { postgres: 50_000n, eventStoreDb: 50_000_000n } as const

/** What follows the log: read models, the bus, and the proof that they are right. */
export function composeReadSide(platform: Platform): Context {
  const { bus, config, db, log, logger, metrics, now, pool, stopping, store } = platform
  const shared = { pool, store, readModels }
  const verifier = createReadModelVerifier(shared)
  const verifications = createVerifications({ verifier, logger, stopping })
  const rebuilder = createReadModelRebuilder({ ...shared, logger })
  const maxLag = config.eventStoreUrl === undefined ? MAX_LAG.postgres : MAX_LAG.eventStoreDb
  const limits = { clients: config.feedClients, clientsPerKey: config.feedClientsPerKey }
  const projections = createProjections(shared)
  let relayFault: string | undefined
  return {
    routes: [
      {
        role: 'api',
        plugin: auditRoutes({ store, db, logger, now, stopping, verifications, limits }),
      },
      {
        role: 'api',
        plugin: operationsRoutes({ projections, store, bus, verifications, now }),
      },
    ],
    parts: [
      {
        role: 'projector',
        name: 'projector',
        run: createProjector({ ...shared, logger, metrics }).run,
      },
      {
        role: 'projector',
        name: 'rebuilds',
        run: (signal) => runRebuilds({ store, rebuilder, now, logger }, signal),
      },
      {
        role: 'relay',
        name: 'relay',
        run: (signal) =>
          runRelay({
            ...{ store: log, bus, signal, logger, metrics },
            tell: (fault) => {
              relayFault = fault
            },
            hold: (until, work) => holdLease({ pool, name: 'relay', signal: until, logger }, work),
          }),
      },
    ],
    checks: {
      readModels: () => readModelHealth(projections, maxLag),
      ...(config.roles.has('relay') ? { relay: async () => relayHealth(relayFault) } : {}),
    },
  }
}

function relayHealth(fault: string | undefined): HealthResult {
  return fault === undefined ? { ok: true } : { ok: false, detail: fault }
}

async function readModelHealth(projections: Projections, maxLag: bigint): Promise<HealthResult> {
  const states = await projections.states(DEFAULT_TENANT)
  const notLive = states.filter(({ state }) => state !== 'live')
  if (notLive.length > 0)
    return {
      ok: false,
      detail: notLive.map(({ readModel, state }) => `${readModel}: ${state}`).join(', '),
    }
  const lag = states.reduce((most, each) => (each.lag > most ? each.lag : most), 0n)
  return { ok: lag <= maxLag, detail: `behind the log by ${lag}` }
}
