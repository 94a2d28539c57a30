import { setMaxListeners } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { apiKeys } from '../../projections/identity/api-keys.ts'
import { listAddress, unlistAddress } from '../kernel/addresses.ts'
import { gatherCommands } from '../kernel/platform-command.ts'
import type { Logger } from '../ports/logger.ts'
import { composeAnalytics } from './analytics-context.ts'
import { Background } from './background.ts'
import type { Config } from './config.ts'
import { composeCustom } from './custom-context.ts'
import { buildHttpServer, closeHttpServer, listen } from './http-server.ts'
import { composeIdentity } from './identity-context.ts'
import { Owned } from './owned.ts'
import { type Context, openPlatform, type Platform } from './platform.ts'
import { composePrivacy } from './privacy-context.ts'
import { composeReadSide } from './read-side-context.ts'
import { composeRegistry } from './registry-context.ts'
import { composeRules } from './rules-context.ts'
import { composeServers } from './servers-context.ts'
import { composeWebhooks } from './webhooks-context.ts'
import { composeWorkflowDefinitions } from './workflow-definitions-context.ts'
import { composeWorkflows } from './workflows-context.ts'

/** How long the first key may take to work after the start. */
const FIRST_KEY_TIMEOUT_MS = 30_000

export type Running = {
  /** Where programs on this machine reach it. */
  readonly address: string
  /** Finishes what is under way, then closes everything; resolves when nothing runs any more. */
  readonly stop: () => Promise<void>
}

export type StartOptions = {
  readonly config: Config
  readonly logger: Logger
  readonly version: string
}

/**
 * Everything of one process.
 *
 * @throws {StartError} when a server that it needs cannot be reached.
 */
export async function start({ config, logger, version }: StartOptions): Promise<Running> {
  const draining = new AbortController()
  const stopping = new AbortController()
  // Each request that waits listens; Node takes more than ten for a leak.
  setMaxListeners(0, draining.signal, stopping.signal)
  const owned = new Owned(logger)
  const close = async () => {
    stopping.abort()
    await owned.close()
  }
  const signals = { draining: draining.signal, stopping: stopping.signal }
  try {
    const platform = await openPlatform({ config, logger, owned, ...signals })
    const { address, unlist } = await serve(platform, version)
    return {
      address,
      async stop() {
        draining.abort()
        await unlist()
        if (isCalled(config)) await delay(config.drainDelayMs)
        await close()
      },
    }
  } catch (error) {
    await close()
    throw error
  }
}

/** Whether somebody sends it requests, who has to hear that it is not ready. */
function isCalled({ roles }: Config): boolean {
  return roles.has('api') || roles.has('gateway')
}

async function serve(platform: Platform, version: string) {
  const { config, freshness, logger, owned } = platform
  const identity = await composeIdentity(platform)
  const servers = await composeServers(platform, version)
  const others: readonly Context[] = [
    identity,
    composeReadSide(platform),
    await composeRegistry(platform),
    servers.installer,
    servers.gateway,
    composeAnalytics(platform),
    composePrivacy(platform),
    composeWebhooks(platform),
    composeCustom(platform),
  ]
  const given = others.flatMap(({ commands = [] }) => commands)
  const workflows = composeWorkflows(platform, given, servers.calls)
  const known = [...given, ...(workflows.commands ?? [])]
  const rules = composeRules(platform, gatherCommands(known))
  const contexts = [...others, workflows, composeWorkflowDefinitions(platform, known), rules]
  const background = startBackground(platform, contexts)
  const app = await buildHttpServer({
    ...{ platform, contexts, background, version },
    authenticator: identity.authenticator,
    sandbox: servers.sandbox,
  })
  owned.add('http server', () => closeHttpServer(app, logger))
  if (!(await freshness.waitFor(identity.firstKeyAt, FIRST_KEY_TIMEOUT_MS, [apiKeys.name])))
    logger.warn({}, 'No projector has read the first key yet: no key works until one has.')
  const address = await listen(app, config)
  const serving = { address, roles: [...config.roles], pid: process.pid }
  await listAddress(config.dataDirectory, serving)
  logger.info({ address, roles: serving.roles, version }, 'Tidemark serves.')
  return { address, unlist: () => unlistAddress(config.dataDirectory, serving) }
}

function startBackground({ config, logger, owned }: Platform, contexts: readonly Context[]) {
  const background = new Background(logger)
  owned.add('background parts', () => background.stop())
  for (const { role, name, run } of contexts.flatMap(({ parts }) => parts))
    if (config.roles.has(role)) background.start(name, run)
  return background
}
