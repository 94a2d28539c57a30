import type { AddressInfo } from 'node:net'
import { asyncApiRoute } from '../audit/async-api.ts'
import type { Authenticator } from '../kernel/authentication.ts'
import { type HealthDeps, type HealthResult, healthRoutes } from '../kernel/health-routes.ts'
import { createHttpApp, type HttpApp } from '../kernel/http-app.ts'
import { metricsRoute } from '../kernel/metrics-route.ts'
import { describeApi } from '../kernel/openapi.ts'
import { LOOPBACK_NAMES, type OriginPolicy } from '../kernel/origin-check.ts'
import type { Logger } from '../ports/logger.ts'
import type { SandboxStatus } from '../ports/sandbox.ts'
import type { Background } from './background.ts'
import type { Config } from './config.ts'
import { type Context, needsBus, type Platform } from './platform.ts'
import { orStartError } from './wait-for-dependency.ts'

export type HttpServerDeps = {
  readonly platform: Platform
  readonly contexts: readonly Context[]
  readonly authenticator: Authenticator
  readonly background: Background
  readonly sandbox: SandboxStatus
  readonly version: string
}

/** Every process has one: at least its health and its metrics. */
export async function buildHttpServer(deps: HttpServerDeps): Promise<HttpApp> {
  const { platform, contexts, sandbox, version } = deps
  const { config, freshness, logger, metrics } = platform
  const app = await createHttpApp({
    authenticator: deps.authenticator,
    freshness,
    logger,
    metrics,
    origins: originPolicy(config),
    draining: platform.draining,
  })
  await describeApi(app, version)
  await app.register(asyncApiRoute(version))
  await app.register(
    healthRoutes({
      checks: checksOf(deps),
      sandbox: sandbox.available ? sandbox.kind : `unavailable: ${sandbox.reason}`,
      isStopping: () => platform.draining.aborted,
    }),
  )
  await app.register(metricsRoute(metrics.expose, config.metricsPublic))
  for (const { role, plugin } of contexts.flatMap(({ routes }) => routes))
    if (config.roles.has(role)) await app.register(plugin)
  return app
}

/** Requests that are under way when the server closes have this long to finish. */
export const IN_FLIGHT_LIMIT_MS = 20_000

export async function closeHttpServer(app: HttpApp, logger: Logger): Promise<void> {
  const limit = setTimeout(() => {
    logger.warn(
      { limitMs: IN_FLIGHT_LIMIT_MS },
      'Requests that did not finish in time are cut off.',
    )
    app.server.closeAllConnections()
  }, IN_FLIGHT_LIMIT_MS)
  await app.close().finally(() => clearTimeout(limit))
}

/**
 * @returns the address that programs on this machine reach it at.
 * @throws {StartError} when the port is taken, or the address is none of this machine.
 */
export async function listen(app: HttpApp, { host, port }: Config): Promise<string> {
  await orStartError('HOST and PORT cannot be listened on', () => app.listen({ host, port }))
  const { port: taken } = app.server.address() as AddressInfo
  return `http://${reachable(host)}:${taken}`
}

function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

/** Bound to loopback, only programs of this machine mean it; otherwise the operator says by which names. */
function originPolicy({ allowedHosts, allowedOrigins, host }: Config): OriginPolicy {
  const isLoopback = host === 'localhost' || host === '::1' || host.startsWith('127.')
  if (!isLoopback && allowedHosts.length === 0) return { allowedOrigins }
  return { allowedHosts: [...LOOPBACK_NAMES, ...allowedHosts], allowedOrigins }
}

function checksOf({ platform, contexts, background }: HttpServerDeps): HealthDeps['checks'] {
  const { bus, config, pool, store } = platform
  return {
    eventStore: async () => ok(`position ${await store.head()}`),
    database: async () => {
      await pool.query('select 1')
      return ok()
    },
    ...(needsBus(config) ? { nats: async () => ok(`position ${await bus.lastPosition()}`) } : {}),
    background: async () => background.health(),
    ...Object.assign({}, ...contexts.map(({ checks }) => checks)),
  }
}

function ok(detail?: string): HealthResult {
  return detail === undefined ? { ok: true } : { ok: true, detail }
}
