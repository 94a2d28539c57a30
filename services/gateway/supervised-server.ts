import { setTimeout as delay } from 'node:timers/promises'
import type { ActiveVersion } from '../../domain/gateway/active-version.ts'
import { holds } from '../../domain/gateway/quarantine.ts'
import { type AfterFailure, afterFailure } from '../../domain/gateway/restart-policy.ts'
import { type McpConnector, UpstreamLostError } from '../ports/mcp-upstream.ts'
import { SandboxUnavailableError } from '../ports/sandbox.ts'
import { quarantinedFault, ServerUnavailableError } from './faults.ts'
import type { ProcessJournal } from './process-journal.ts'
import { ServerQuarantine, type ServerQuarantineDeps } from './server-quarantine.ts'
import { type Lease, ServerRun } from './server-run.ts'
import type { SupervisionSettings } from './supervision.ts'

export type SupervisionDeps = ServerQuarantineDeps & {
  readonly connector: McpConnector
  readonly journal: ProcessJournal
  readonly settings: SupervisionSettings
  /** From 0 to 1. */
  readonly random: () => number
  readonly onRunning: (run: ServerRun) => void
  readonly onEnded: (run: ServerRun) => void
}

type Starting = { readonly generation: number; readonly run: Promise<ServerRun> }

/**
 * One installation's server, shared by all of its callers.
 *
 *   stopped ──first call──► starting ──► running ──idle, replaced, shut down──► stopped
 *                             ▲  │          │
 *                             │  └─fails────┴─dies──► waiting ──too often──► quarantined
 *                             └──────delay is over──────┘
 *
 * A server that dies in use is started again without waiting for a call. A remote server is
 * never quarantined: its absence says nothing about it, and trying again costs little.
 */
export class SupervisedServer {
  readonly tenantId: string
  readonly installationId: string
  readonly #deps: SupervisionDeps
  readonly #leaving = new Set<ServerRun>()
  readonly #shutdown = new AbortController()
  readonly #quarantine: ServerQuarantine
  #run: ServerRun | undefined
  #starting: Starting | undefined
  #failures: readonly number[] = []
  #failedGeneration = -1
  #notBeforeMs = 0
  #callers = 0
  /** What the log said last; undefined while it has said nothing new. */
  #wanted: number | 'nothing' | undefined

  constructor(tenantId: string, installationId: string, deps: SupervisionDeps) {
    this.tenantId = tenantId
    this.installationId = installationId
    this.#deps = deps
    this.#quarantine = new ServerQuarantine(tenantId, installationId, deps)
  }

  get runs(): readonly ServerRun[] {
    return this.#run === undefined ? [...this.#leaving] : [this.#run, ...this.#leaving]
  }

  /** Nothing runs, nothing is remembered that would change what the next call sees. */
  get forgettable(): boolean {
    const { windowMs } = this.#deps.settings.restart
    const recent = this.#failures.some((at) => this.#nowMs() - at < windowMs)
    const busy = this.#callers > 0 || this.#starting !== undefined
    return this.runs.length === 0 && !busy && !recent
  }

  /** @throws {ServerUnavailableError} */
  async lease(server: ActiveVersion): Promise<Lease> {
    this.#callers++
    try {
      const run = await this.#current(server)
      const lease = run.lease(() => this.#nowMs())
      if (lease !== undefined) return lease
      const detail = `The server has ${run.inFlight} calls already; try again later.`
      throw new ServerUnavailableError('server-busy', detail)
    } finally {
      this.#callers--
    }
  }

  /** The installation has changed: what runs is replaced, or ended when nothing is active. */
  refresh(server: ActiveVersion | undefined): void {
    this.#wanted = server?.generation ?? 'nothing'
    if (this.#run !== undefined && this.#isOutdated(this.#run.server)) this.#retire(this.#run)
  }

  /** Somebody put it in quarantine: what runs in the state that this is about ends. */
  async quarantined(): Promise<void> {
    this.#quarantine.forget()
    await this.#starting?.run.catch(() => undefined)
    const run = this.#run
    if (run === undefined) return
    if (holds(await this.#quarantine.state(), run.server.generation)) this.#retire(run)
  }

  /** It was lifted: what happened before it does not count any more. */
  quarantineLifted(): void {
    this.#quarantine.forget()
    this.#failures = []
    this.#notBeforeMs = 0
  }

  async sweep(): Promise<void> {
    await Promise.all(this.runs.map((run) => run.sweep(this.#nowMs())))
  }

  async shutdown(): Promise<void> {
    this.#shutdown.abort()
    const starting = this.#starting?.run.then(
      (run) => run.stop('shutdown'),
      () => undefined,
    )
    await Promise.all([starting, ...this.runs.map((run) => run.stop('shutdown'))])
  }

  async #current(server: ActiveVersion): Promise<ServerRun> {
    const state = await this.#quarantine.state()
    if (holds(state, server.generation)) throw quarantinedFault(state)
    const run = this.#run
    if (run === undefined) return this.#start(server)
    if (run.server.generation < server.generation) this.#retire(run)
    else if (run.draining) this.#part(run)
    else return run
    return this.#start(server)
  }

  #start(server: ActiveVersion): Promise<ServerRun> {
    const { generation } = server
    if (this.#starting !== undefined && this.#starting.generation >= generation)
      return this.#starting.run
    if (this.#failedGeneration !== generation) {
      this.#failures = []
      this.#notBeforeMs = 0
    }
    const starting: Starting = {
      generation,
      run: this.#connect(server).finally(() => {
        if (this.#starting === starting) this.#starting = undefined
      }),
    }
    this.#starting = starting
    return starting.run
  }

  async #connect(server: ActiveVersion): Promise<ServerRun> {
    const { connector, settings } = this.#deps
    const { signal } = this.#shutdown
    await this.#waitForTurn()
    try {
      const timeout = AbortSignal.timeout(settings.startTimeoutMs)
      const upstream = await connector.connect(
        { ...server, tenantId: this.tenantId },
        AbortSignal.any([signal, timeout]),
      )
      const process =
        upstream.sandbox && this.#deps.journal.started(this.tenantId, server, upstream.sandbox)
      const run = new ServerRun(server, upstream, process, settings, this.#nowMs())
      this.#watch(run)
      return run
    } catch (error) {
      throw await this.#startFault(server, error)
    }
  }

  async #waitForTurn(): Promise<void> {
    const { signal } = this.#shutdown
    const waitMs = this.#notBeforeMs - this.#nowMs()
    try {
      if (waitMs > 0) await delay(waitMs, undefined, { signal })
      signal.throwIfAborted()
    } catch {
      throw new ServerUnavailableError('gateway-stopping', 'The gateway is stopping.')
    }
  }

  #watch(run: ServerRun): void {
    this.#run = run
    this.#deps.onRunning(run)
    void run.ended.then(async ({ reason, end }) => {
      if (this.#run === run) this.#run = undefined
      this.#leaving.delete(run)
      run.process?.stopped(reason, end)
      this.#deps.onEnded(run)
      const failed = reason === 'exited' || reason === 'misbehaved' || reason === 'unhealthy'
      if (!failed || run.replaced || run.process === undefined) return
      await this.#failed(run.server, end.detail ?? 'It did not answer a ping.')
    })
    if (this.#isOutdated(run.server)) this.#retire(run)
  }

  /** It was updated, rolled back or uninstalled while it started. */
  #isOutdated({ generation }: ActiveVersion): boolean {
    if (this.#wanted === undefined) return false
    return this.#wanted === 'nothing' || generation < this.#wanted
  }

  async #startFault(server: ActiveVersion, error: unknown): Promise<ServerUnavailableError> {
    if (this.#shutdown.signal.aborted)
      return new ServerUnavailableError('gateway-stopping', 'The gateway is stopping.')
    if (error instanceof SandboxUnavailableError)
      return new ServerUnavailableError('sandbox-unavailable', error.message)
    const { installationId } = this
    this.#deps.logger.warn({ error, installationId }, 'A server did not start')
    // Only what was written for callers: other errors name paths.
    const cause = error instanceof UpstreamLostError ? error.message : 'It could not be started.'
    await this.#failed(server, cause)
    return new ServerUnavailableError('server-start-failed', `The server did not start: ${cause}`)
  }

  async #failed(server: ActiveVersion, cause: string): Promise<void> {
    this.#failedGeneration = server.generation
    const next = this.#judge(server)
    this.#failures = next.failures
    if (next.step === 'quarantine')
      return this.#quarantine.enter(server, cause, next.failures.length)
    this.#notBeforeMs = this.#nowMs() + next.delayMs
    if (server.runtime.kind === 'remote' || this.#shutdown.signal.aborted) return
    if (this.#isOutdated(server)) return
    // After this turn: the start that just failed is still the one under way.
    setImmediate(() => {
      if (this.#run === undefined) this.#start(server).catch(() => undefined)
    })
  }

  #judge(server: ActiveVersion): AfterFailure {
    const { restart } = this.#deps.settings
    const policy =
      server.runtime.kind === 'remote'
        ? { ...restart, maxFailures: Number.POSITIVE_INFINITY }
        : restart
    return afterFailure(policy, this.#failures, this.#nowMs(), this.#deps.random())
  }

  #retire(run: ServerRun): void {
    this.#part(run)
    run.retire(this.#nowMs())
  }

  /** It goes on to its end, the next call starts another. */
  #part(run: ServerRun): void {
    if (this.#run === run) this.#run = undefined
    this.#leaving.add(run)
  }

  #nowMs(): number {
    return this.#deps.now().getTime()
  }
}
