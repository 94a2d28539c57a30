import { type ActiveVersion, ROUTING_EVENTS } from '../../domain/gateway/active-version.ts'
import type { EventStore, RecordedEvent } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { JsonObject, McpConnector } from '../ports/mcp-upstream.ts'
import type { Metrics } from '../ports/metrics.ts'
import { ServerUnavailableError } from './faults.ts'
import { createInstalledServers, type InstalledServers } from './installed-servers.ts'
import { createProcessJournal, type ProcessJournal } from './process-journal.ts'
import type { Lease } from './server-run.ts'
import { SupervisedServer } from './supervised-server.ts'
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
  /** The next call reads this stream anew, without waiting for the log to tell. */
  changed(stream: string): void
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
  return new SupervisedServers(deps)
}

class SupervisedServers implements ServerProcesses {
  readonly #deps: ServerProcessesDeps
  readonly #settings: SupervisionSettings
  readonly #installed: InstalledServers
  readonly #journal: ProcessJournal
  readonly #servers = new Map<string, SupervisedServer>()
  readonly #listeners = new Set<(announcement: Announcement) => void>()
  readonly #sweeper: NodeJS.Timeout
  #sweeping = false
  #running = 0
  #stopping = false

  constructor(deps: ServerProcessesDeps) {
    this.#deps = deps
    this.#settings = { ...SUPERVISION, ...deps.settings }
    this.#installed = createInstalledServers(deps.store)
    this.#journal = createProcessJournal(deps)
    this.#sweeper = setInterval(() => void this.#sweep(), this.#settings.sweepMs)
    this.#sweeper.unref()
  }

  find(tenantId: string, installationId: string): Promise<ActiveVersion | undefined> {
    return this.#installed.find(tenantId, installationId)
  }

  async lease(tenantId: string, server: ActiveVersion): Promise<Lease> {
    if (this.#stopping)
      throw new ServerUnavailableError('gateway-stopping', 'The gateway is stopping.')
    return this.#supervised(tenantId, server.installationId).lease(server)
  }

  live(tenantId: string): readonly LiveProcess[] {
    return [...this.#servers.values()]
      .filter((server) => server.tenantId === tenantId)
      .flatMap(({ runs, installationId }) =>
        runs.flatMap(({ process, inFlight, draining }) =>
          process ? [{ installationId, processId: process.processId, inFlight, draining }] : [],
        ),
      )
  }

  changed(stream: string): void {
    this.#installed.forgetStream(stream)
  }

  quarantineLifted(tenantId: string, installationId: string): void {
    this.#servers.get(keyOf(tenantId, installationId))?.quarantineLifted()
  }

  onAnnouncement(listener: (announcement: Announcement) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async follow(signal: AbortSignal): Promise<void> {
    const { store } = this.#deps
    const after = await store.head()
    const types = [...ROUTING_EVENTS, 'ServerQuarantined', 'QuarantineLifted']
    this.#installed.cache(true)
    try {
      for await (const { events } of store.follow({ after, signal, types }))
        for (const event of events) await this.#heed(event)
    } finally {
      this.#installed.cache(false)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true
    clearInterval(this.#sweeper)
    await Promise.all([...this.#servers.values()].map((server) => server.shutdown()))
    await this.#journal[Symbol.asyncDispose]()
  }

  async #heed({ type, tenantId, data }: RecordedEvent): Promise<void> {
    const installationId = String(data.installationId)
    const server = this.#servers.get(keyOf(tenantId, installationId))
    if (type === 'ServerQuarantined') return void this.#heedQuarantine(server)
    if (type === 'QuarantineLifted') return server?.quarantineLifted()
    this.#installed.forget(tenantId, installationId)
    if (server !== undefined) await this.#refresh(server)
    for (const list of LIST_CHANGES) {
      const method = `notifications/${list}/list_changed`
      this.#announce({ tenantId, installationId, method, params: {} })
    }
  }

  /** Not waited for: a start that is under way may take its time. */
  async #heedQuarantine(server: SupervisedServer | undefined): Promise<void> {
    try {
      await server?.quarantined()
    } catch (error) {
      this.#deps.logger.error({ err: error }, 'A quarantine was not followed')
    }
  }

  /** What cannot be read now is read by the next call; it must not end the following. */
  async #refresh(server: SupervisedServer): Promise<void> {
    const { tenantId, installationId } = server
    try {
      server.refresh(await this.#installed.find(tenantId, installationId))
    } catch (error) {
      this.#deps.logger.error({ err: error, installationId }, 'A change was not followed')
    }
  }

  #supervised(tenantId: string, installationId: string): SupervisedServer {
    const key = keyOf(tenantId, installationId)
    const known = this.#servers.get(key)
    if (known !== undefined) return known
    const { metrics, random = Math.random } = this.#deps
    const server = new SupervisedServer(tenantId, installationId, {
      ...this.#deps,
      random,
      settings: this.#settings,
      journal: this.#journal,
      onRunning: ({ upstream }) => {
        metrics.serverProcesses(++this.#running)
        upstream.onNotification((method, params) =>
          this.#announce({ tenantId, installationId, method, params }),
        )
      },
      onEnded: () => metrics.serverProcesses(--this.#running),
    })
    this.#servers.set(key, server)
    return server
  }

  #announce(announcement: Announcement): void {
    for (const listener of this.#listeners) listener(announcement)
  }

  async #sweep(): Promise<void> {
    if (this.#sweeping) return
    this.#sweeping = true
    try {
      await Promise.all([...this.#servers.values()].map((server) => server.sweep()))
      for (const [key, server] of this.#servers) if (server.forgettable) this.#servers.delete(key)
    } catch (error) {
      this.#deps.logger.error({ err: error }, 'Supervising servers failed')
    } finally {
      this.#sweeping = false
    }
  }
}

function keyOf(tenantId: string, installationId: string): string {
  return `${tenantId}/${installationId}`
}
