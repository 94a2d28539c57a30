import { createArtifactStore } from '../../infra/artifacts/artifact-store.ts'
import { keepPepper } from '../../infra/crypto/secret-file.ts'
import { sessionKeyFrom } from '../../infra/crypto/session-key.ts'
import { createMcpConnector } from '../../infra/mcp/connector.ts'
import { createGuardedFetch } from '../../infra/mcp/guarded-fetch.ts'
import { findNpm } from '../../infra/npm/npm-program.ts'
import { createNpmInstaller } from '../../infra/npm/package-installer.ts'
import {
  createEndedSessions,
  type EndedSessionsTables,
} from '../../infra/postgres/ended-sessions.ts'
import { createReadDatabase } from '../../infra/postgres/pool.ts'
import { createSandbox } from '../../infra/sandbox/sandbox.ts'
import { createUsageRecorder, type UsageRecorder } from '../gateway/call-log.ts'
import { createDirectCalls } from '../gateway/direct-calls.ts'
import { tellingAppends } from '../gateway/installed-servers.ts'
import { gatewayCommands } from '../gateway/platform-commands.ts'
import { gatewayRoutes } from '../gateway/routes.ts'
import { createServerProcesses, type ServerProcesses } from '../gateway/server-processes.ts'
import { installerCommands } from '../installer/platform-commands.ts'
import { createServerProbe } from '../installer/probe.ts'
import { runInstallerReactor } from '../installer/reactor.ts'
import { installerRoutes } from '../installer/routes.ts'
import { runUpdateChecks } from '../installer/updates.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
import type { InstalledCalls } from '../ports/installed-calls.ts'
import type { McpConnector } from '../ports/mcp-upstream.ts'
import type { Sandbox, SandboxStatus } from '../ports/sandbox.ts'
import type { SecretStore } from '../ports/secret-store.ts'
import type { Context, Platform } from './platform.ts'

export type Servers = {
  readonly installer: Context
  readonly gateway: Context
  readonly sandbox: SandboxStatus
  /** Calls of installed servers by the program itself. */
  readonly calls: InstalledCalls
}

type Machine = {
  readonly sandbox: Sandbox
  readonly secrets: SecretStore
  readonly artifacts: ArtifactStore
  readonly connector: McpConnector
  /** Shared by all gateways, as the directory is. */
  readonly sessionKey: Buffer
}

/** MCP servers on this machine and elsewhere: installing them, and calling them. */
export async function composeServers(platform: Platform, version: string): Promise<Servers> {
  const machine = await openMachine(platform, version)
  const { now, logger, metrics, owned, store } = platform
  // Ends after the server processes, whose end also ends calls.
  const usage = owned.use('usage', createUsageRecorder({ store, logger, metrics }))
  const supervised = { store, now, logger, metrics, connector: machine.connector }
  const processes = owned.use('server processes', createServerProcesses(supervised))
  // A gateway in another process follows the log, as this one does for what others append.
  const told = tellingAppends(store, (stream) => processes.changed(stream))
  return {
    installer: composeInstaller({ ...platform, store: told }, machine),
    gateway: composeGateway(platform, machine, processes, usage),
    sandbox: machine.sandbox.status,
    calls: createDirectCalls({ processes, usage, now, logger, metrics }),
  }
}

async function openMachine(platform: Platform, version: string): Promise<Machine> {
  const { config, owned, secrets } = platform
  const dataDir = config.dataDirectory
  const sandbox = await createSandbox({
    dataDir,
    setting: config.sandbox,
    bwrap: config.bubblewrap,
  })
  const artifacts = createArtifactStore({ dataDir })
  const remote = owned.use(
    'remote servers',
    createGuardedFetch({ allowPrivate: config.allowPrivateUpstreams }),
  )
  const connector = createMcpConnector({
    ...{ sandbox, secrets, artifacts, fetch: remote.fetch },
    clientInfo: { name: 'tidemark', version },
  })
  const sessionKey = sessionKeyFrom(await keepPepper(dataDir))
  return { sandbox, secrets, artifacts, connector, sessionKey }
}

function composeInstaller(platform: Platform, machine: Machine): Context {
  const { bus, config, db, freshness, logger, metrics, now, store } = platform
  const { artifacts, connector, sandbox, secrets } = machine
  const shared = { events: store, db, secrets, artifacts, now }
  return {
    routes: [{ role: 'api', plugin: installerRoutes(shared) }],
    parts: [
      {
        role: 'reactors',
        name: 'installer reactor',
        run: (signal) =>
          runInstallerReactor(
            {
              ...shared,
              ...{ bus, logger, metrics, sandbox },
              packages: createNpmInstaller({ dataDir: config.dataDirectory, npm: findNpm() }),
              probe: createServerProbe(connector),
            },
            signal,
          ),
      },
      {
        role: 'jobs',
        name: 'update checks',
        run: (signal) => runUpdateChecks({ events: store, db, now, logger }, signal),
      },
    ],
    commands: installerCommands({ ...shared, freshness }),
  }
}

function composeGateway(
  platform: Platform,
  { sessionKey: key }: Machine,
  processes: ServerProcesses,
  usage: UsageRecorder,
): Context {
  const { db, logger, metrics, now, pool, store } = platform
  const shared = { store, now, logger, metrics }
  const ended = createEndedSessions(createReadDatabase<EndedSessionsTables>(pool), now)
  const sessions = { key, ended }
  return {
    routes: [
      { role: 'gateway', plugin: gatewayRoutes({ ...shared, db, processes, usage, sessions }) },
    ],
    parts: [
      { role: 'gateway', name: 'installed servers', run: (signal) => processes.follow(signal) },
    ],
    commands: gatewayCommands({ store, now }),
  }
}
