import path from 'node:path'
import { apiKeys } from '../../projections/identity/api-keys.ts'
import type { Logger } from '../ports/logger.ts'
import { removeAddress, writeAddress } from './address-file.ts'
import { composeAnalytics } from './analytics-context.ts'
import { Background } from './background.ts'
import type { Config } from './config.ts'
import { buildHttpServer, listen } from './http-server.ts'
import { composeIdentity } from './identity-context.ts'
import { Owned } from './owned.ts'
import { type Context, openPlatform, type Platform } from './platform.ts'
import { composeReadSide } from './read-side-context.ts'
import { composeRegistry } from './registry-context.ts'
import { composeServers } from './servers-context.ts'

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
  const stopping = new AbortController()
  const owned = new Owned(logger)
  const stop = async () => {
    stopping.abort()
    await owned.close()
  }
  try {
    const platform = await openPlatform({ config, logger, owned, stopping: stopping.signal })
    const address = await serve(platform, version)
    return { address, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function serve(platform: Platform, version: string): Promise<string> {
  const { config, freshness, logger, owned } = platform
  const identity = await composeIdentity(platform)
  const servers = await composeServers(platform, version)
  const contexts: readonly Context[] = [
    identity,
    composeReadSide(platform),
    await composeRegistry(platform),
    servers.installer,
    servers.gateway,
    composeAnalytics(platform),
  ]
  const background = startBackground(platform, contexts)
  const app = await buildHttpServer({
    ...{ platform, contexts, background, version },
    authenticator: identity.authenticator,
    sandbox: servers.sandbox,
  })
  owned.add('http server', () => app.close())
  if (!(await freshness.waitFor(identity.firstKeyAt, FIRST_KEY_TIMEOUT_MS, [apiKeys.name])))
    logger.warn({}, 'No projector has read the first key yet: no key works until one has.')
  const address = await listen(app, config)
  await publishAddress(platform, address)
  logger.info({ address, roles: [...config.roles], version }, 'Tidemark serves.')
  return address
}

function startBackground({ config, logger, owned }: Platform, contexts: readonly Context[]) {
  const background = new Background(logger)
  owned.add('background parts', () => background.stop())
  for (const { role, name, run } of contexts.flatMap(({ parts }) => parts))
    if (config.roles.has(role)) background.start(name, run)
  return background
}

async function publishAddress({ config, owned }: Platform, address: string): Promise<void> {
  const file = path.join(config.dataDirectory, 'address')
  await writeAddress(file, address)
  owned.add('address file', () => removeAddress(file, address))
}
