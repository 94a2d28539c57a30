import type { ActiveVersion } from '../../domain/gateway/active-version.ts'
import { ROUTING_EVENTS } from '../../domain/gateway/active-version.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { JsonObject, McpConnector } from '../ports/mcp-upstream.ts'
import type { Metrics } from '../ports/metrics.ts'
import { ServerUnavailableError } from './faults.ts'
import { createInstalledServers } from './installed-servers.ts'
import { createProcessJournal } from './process-journal.ts'
import type { Lease, ServerRun } from './server-run.ts'
import { SupervisedServer, type SupervisionDeps } from './supervised-server.ts'
import { SUPERVISION, type SupervisionSettings } from './supervision.ts'

export type ServerProcessesDeps = {
  readonly store: EventStore
  readonly connector: McpConnector
  readonly now: () => Date
  readonly logger: Logger
  readonly metrics: Metrics
  readonly settings?: Partial<SupervisionSettings>
  /** From 0 to 1, for jitter; by default Math.random. */
  readonly random?: () => number
}

export type Announcement = {
  readonly tenantId: string
  readonly installationId: string
  readonly method: string
  readonly params: JsonObject
}

export type LiveProcess = {
  readonly installationId: string
  readonly processId: string
  readonly inFlight: number
  readonly draining: boolean
}

/** Every server that this gateway runs or talks to. Disposing of it ends all of them. */
export type ServerProcesses = AsyncDisposable & {
  /** @returns undefined when this tenant has nothing active under this id. */
  find(tenantId: string, installationId: string): Promise<ActiveVersion | undefined>
  /**
   * Starts the server when it does not run; callers at the same time share the start.
   *
   * @throws {ServerUnavailableError}
   */
  lease(tenantId: string, server: ActiveVersion): Promise<Lease>
  live(tenantId: string): readonly LiveProcess[]
  /** The next call starts the server, without waiting for the log to tell. */
  quarantineLifted(tenantId: string, installationId: string): void
  /** What servers announce without being asked. @returns ends it. */
  onAnnouncement(listener: (announcement: Announcement) => void): () => void
  /** Replaces and ends servers as the log says; resolves when `signal` aborts. */
  follow(signal: AbortSignal): Promise<void>
}

/** What a client has to ask for again once another version answers. */
const LIST_CHANGES = ['tools', 'prompts', 'resources'] as const

export function createServerProcesses(deps: ServerProcessesDeps): ServerProcesses {
  const settings = { ...SUPERVISION, ...deps.settings }
  const installed = createInstalledServers(deps.store)
  const journal = createProcessJournal(deps)
  const servers = new Map<string, SupervisedServer>()
  const listeners = new Set<(announcement: Announcement) => void>()
  let running = 0
  let stopping = false

  function announce(announcement: Announcement): void {
    for (const listener of listeners) listener(announcement)
  }

  function supervised(tenantId: string, installationId: string): SupervisedServer {
    const key = `${tenantId}/${installationId}`
    const known = servers.get(key)
    if (known !== undefined) return known
    const onRunning = (run: ServerRun) => {
      deps.metrics.serverProcesses(++running)
      run.upstream.onNotification((method, params) =>
        announce({ tenantId, installationId, method, params }),
      )
    }
    const onEnded = () => deps.metrics.serverProcesses(--running)
    const supervision: SupervisionDeps = {
      ...{ random: Math.random, ...deps, settings, journal, onRunning, onEnded },
    }
    const server = new SupervisedServer(tenantId, installationId, supervision)
    servers.set(key, server)
    return server
  }

  async function changed(tenantId: string, installationId: string): Promise<void> {
    installed.forget(tenantId, installationId)
    const server = servers.get(`${tenantId}/${installationId}`)
    server?.refresh(await installed.find(tenantId, installationId))
    for (const list of LIST_CHANGES) {
      const method = `notifications/${list}/list_changed`
      announce({ tenantId, installationId, method, params: {} })
    }
  }

  async function sweep(): Promise<void> {
    await Promise.all([...servers.values()].map((server) => server.sweep()))
    for (const [key, server] of servers) if (server.forgettable) servers.delete(key)
  }

  let sweeping = false
  const sweeper = setInterval(() => {
    if (sweeping) return
    sweeping = true
    sweep()
      .catch((error: unknown) => deps.logger.error({ error }, 'Supervising servers failed'))
      .finally(() => {
        sweeping = false
      })
  }, settings.sweepMs)
  sweeper.unref()

  return {
    find: (tenantId, installationId) => installed.find(tenantId, installationId),

    async lease(tenantId, server) {
      if (stopping) throw new ServerUnavailableError('gateway-stopping', 'The gateway is stopping.')
      return supervised(tenantId, server.installationId).lease(server)
    },

    live(tenantId) {
      return [...servers.values()]
        .filter((server) => server.tenantId === tenantId)
        .flatMap(({ runs, installationId }) =>
          runs.flatMap(({ process, inFlight, draining }) =>
            process ? [{ installationId, processId: process.processId, inFlight, draining }] : [],
          ),
        )
    },

    quarantineLifted(tenantId, installationId) {
      servers.get(`${tenantId}/${installationId}`)?.quarantineLifted()
    },

    onAnnouncement(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },

    async follow(signal) {
      const after = await deps.store.head()
      installed.cache(true)
      try {
        const types = [...ROUTING_EVENTS, 'ServerQuarantined', 'QuarantineLifted']
        for await (const { events } of deps.store.follow({ after, signal, types }))
          for (const { type, tenantId, data } of events) {
            const installationId = String(data.installationId)
            const server = servers.get(`${tenantId}/${installationId}`)
            if (type === 'ServerQuarantined') server?.forgetQuarantine()
            else if (type === 'QuarantineLifted') server?.quarantineLifted()
            else await changed(tenantId, installationId)
          }
      } finally {
        installed.cache(false)
      }
    },

    async [Symbol.asyncDispose]() {
      stopping = true
      clearInterval(sweeper)
      await Promise.all([...servers.values()].map((server) => server.shutdown()))
      await journal[Symbol.asyncDispose]()
    },
  }
}
