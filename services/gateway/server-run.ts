import type { ActiveVersion } from '../../domain/gateway/active-version.ts'
import type { McpUpstream, UpstreamEnd } from '../ports/mcp-upstream.ts'
import type { ProcessRun, StopReason } from './process-journal.ts'
import type { SupervisionSettings } from './supervision.ts'

/** The right to use a running server until `release`. */
export type Lease = {
  readonly upstream: McpUpstream
  readonly release: () => void
  /** The caller waited in vain: the server is asked for a sign of life. */
  readonly suspect: () => void
}

/** One connection to one version of a server, from its start to its end. */
export class ServerRun {
  readonly server: ActiveVersion
  readonly upstream: McpUpstream
  /** Undefined for a remote server. */
  readonly process: ProcessRun | undefined
  readonly ended: Promise<{ readonly reason: StopReason; readonly end: UpstreamEnd }>
  readonly #settings: SupervisionSettings
  #inFlight = 0
  #lastUsedMs: number
  #lastCheckedMs: number
  #suspected = false
  #checking = false
  #retiredMs: number | undefined
  #stopping: StopReason | undefined

  constructor(
    server: ActiveVersion,
    upstream: McpUpstream,
    process: ProcessRun | undefined,
    settings: SupervisionSettings,
    nowMs: number,
  ) {
    this.server = server
    this.upstream = upstream
    this.process = process
    this.#settings = settings
    this.#lastUsedMs = nowMs
    this.#lastCheckedMs = nowMs
    this.ended = upstream.ended.then((end) => ({ end, reason: this.#reasonOf(end) }))
  }

  get inFlight(): number {
    return this.#inFlight
  }

  /** Another version has its place: how it ends does not matter any more. */
  get replaced(): boolean {
    return this.#retiredMs !== undefined
  }

  /** It is on its way to its end, which can take seconds: nothing new is to be sent to it. */
  get draining(): boolean {
    return this.replaced || this.#stopping !== undefined
  }

  /** @returns undefined when it has as many calls as it may have. */
  lease(now: () => number): Lease | undefined {
    if (this.#inFlight >= this.#settings.maxInFlight) return undefined
    this.#inFlight++
    this.#lastUsedMs = now()
    let released = false
    return {
      upstream: this.upstream,
      release: () => {
        if (released) return
        released = true
        this.#inFlight--
        this.#lastUsedMs = now()
        if (this.replaced && this.#inFlight === 0) void this.stop('replaced')
      },
      suspect: () => {
        this.#suspected = true
      },
    }
  }

  /** Takes no new calls, ends when it has finished those that it has. */
  retire(nowMs: number): void {
    this.#retiredMs ??= nowMs
    if (this.#inFlight === 0) void this.stop('replaced')
  }

  async stop(reason: StopReason): Promise<void> {
    this.#stopping ??= reason
    await this.upstream.close()
    await this.ended
  }

  /** Idle, unhealthy or drained for too long: ends it. */
  async sweep(nowMs: number): Promise<void> {
    const { idleMs, drainMs, healthEveryMs } = this.#settings
    if (this.#stopping !== undefined) return
    if (this.#retiredMs !== undefined && nowMs - this.#retiredMs >= drainMs)
      return this.stop('replaced')
    if (this.#inFlight === 0 && nowMs - this.#lastUsedMs >= idleMs) return this.stop('idle')
    const due = this.#inFlight === 0 && nowMs - this.#lastCheckedMs >= healthEveryMs
    if ((due || this.#suspected) && !this.#checking) await this.#check(nowMs)
  }

  async #check(nowMs: number): Promise<void> {
    this.#checking = true
    this.#lastCheckedMs = nowMs
    this.#suspected = false
    try {
      const alive = await this.upstream.isAlive(this.#settings.healthTimeoutMs)
      if (!alive && this.#stopping === undefined) await this.stop('unhealthy')
    } finally {
      this.#checking = false
    }
  }

  #reasonOf({ reason }: UpstreamEnd): StopReason {
    if (reason === 'misbehaved') return 'misbehaved'
    return this.#stopping ?? 'exited'
  }
}
