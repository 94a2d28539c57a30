import { mkdir } from 'node:fs/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Kysely } from 'kysely'
import type pg from 'pg'
import type { KeyRing } from '../../infra/crypto/key-ring.ts'
import type { KeyTables } from '../../infra/crypto/key-tables.ts'
import { createSecretStore } from '../../infra/crypto/secret-store.ts'
import { createPrometheusMetrics, type PrometheusMetrics } from '../../infra/metrics/prometheus.ts'
import { createNatsMessageBus } from '../../infra/nats/message-bus.ts'
import { migrate } from '../../infra/postgres/migrate.ts'
import { createPool, createReadDatabase } from '../../infra/postgres/pool.ts'
import { createReadFreshness } from '../../infra/projector/read-freshness.ts'
import { readModels, type Tables } from '../../projections/read-models.ts'
import { onCommandHandled } from '../kernel/command-channel.ts'
import type { HealthDeps } from '../kernel/health-routes.ts'
import type { PlatformCommand } from '../kernel/platform-command.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { MessageBus } from '../ports/message-bus.ts'
import type { ReadFreshness } from '../ports/read-freshness.ts'
import type { SecretStore } from '../ports/secret-store.ts'
import type { Part } from './background.ts'
import type { Config, Role } from './config.ts'
import { openLog } from './open-log.ts'
import { type Owned, ownPool } from './owned.ts'
import { untilStopping } from './until-stopping.ts'
import { orStartError, waitForDependency } from './wait-for-dependency.ts'

const MAX_CONNECTIONS = 15
/** Of what a request asks the read models; the projector and rebuilds take as long as they need. */
const QUERY_TIMEOUT_MS = 5_000

/** What every context is made of. */
export type Platform = {
  readonly config: Config
  readonly logger: Logger
  readonly metrics: PrometheusMetrics
  readonly now: () => Date
  readonly pool: pg.Pool
  readonly db: Kysely<Tables>
  readonly keys: KeyRing
  readonly secrets: SecretStore
  /** As stored, personal data encrypted: for what leaves the process. */
  readonly log: EventStore
  /** The log with personal data in plain text. */
  readonly store: EventStore
  readonly bus: MessageBus
  readonly freshness: ReadFreshness
  readonly owned: Owned
  /** Aborted first of all when the process is asked to stop: it is not ready, and still serves. */
  readonly draining: AbortSignal
  /** Aborted next: what has no end of its own ends. */
  readonly stopping: AbortSignal
}

/** What a context gives the process; each thing is used by the processes that have its role. */
export type Context = {
  readonly routes: readonly { readonly role: Role; readonly plugin: FastifyPluginAsyncTypebox }[]
  readonly parts: readonly { readonly role: Role; readonly name: string; readonly run: Part }[]
  readonly checks?: HealthDeps['checks']
  /** What rules and workflows may ask of it. */
  readonly commands?: readonly PlatformCommand[]
}

export type PlatformDeps = {
  readonly config: Config
  readonly logger: Logger
  readonly owned: Owned
  readonly draining: AbortSignal
  readonly stopping: AbortSignal
}

/** @throws {StartError} when a server cannot be reached or used. */
export async function openPlatform(deps: PlatformDeps): Promise<Platform> {
  const { config, logger, owned } = deps
  const now = () => new Date()
  const metrics = createPrometheusMetrics()
  const unmeasured = onCommandHandled(({ command, outcome, seconds }) =>
    metrics.commandHandled(command, outcome, seconds),
  )
  owned.add('command metrics', async () => unmeasured())
  await mkdir(config.dataDirectory, { recursive: true })
  await prepareDatabase(config, logger)

  const pool = ownPool(owned, config.databaseUrl, { max: MAX_CONNECTIONS })
  const queries = ownPool(owned, config.databaseUrl, {
    max: MAX_CONNECTIONS,
    queryTimeoutMs: QUERY_TIMEOUT_MS,
  })
  const db = createReadDatabase<Tables>(queries)
  const keyTables = createReadDatabase<KeyTables>(pool)
  const { keys, log, store } = await openLog({ ...deps, metrics, now, db: keyTables })
  const secrets = createSecretStore({ db: keyTables, tenantKeys: keys.tenantKeys })
  await waitForDependency('The event store', logger, () => log.head())
  const bus = owned.use('message bus', createNatsMessageBus({ url: config.natsUrl, logger }))
  if (needsBus(config)) await waitForDependency('NATS', logger, () => bus.lastPosition())
  const checkpoints = owned.use('read freshness', createReadFreshness({ pool, readModels }))
  const freshness = untilStopping(checkpoints, deps.stopping)
  return { ...deps, metrics, now, pool, db, keys, secrets, log, store, bus, freshness }
}

export function needsBus({ roles }: Config): boolean {
  return roles.has('relay') || roles.has('reactors')
}

async function prepareDatabase(config: Config, logger: Logger): Promise<void> {
  const { databaseUrl, databaseOwnerUrl } = config
  await waitForDependency('Postgres', logger, async () => {
    const pool = createPool(databaseUrl, { max: 1 })
    await pool.query('select 1').finally(() => pool.end())
  })
  if (databaseOwnerUrl === undefined) return
  await orStartError('The database cannot be brought up to date', () =>
    migrate({ ownerUrl: databaseOwnerUrl, appRole: userOf(databaseUrl) }),
  )
}

function userOf(url: string): string {
  return decodeURIComponent(new URL(url).username)
}
