import { randomUUID } from 'node:crypto'
import type { Caller } from './call-log.ts'
import type { EventStream } from './event-stream.ts'
import type { RequestId } from './json-rpc.ts'

const MINUTE = 60_000

export type SessionLimits = {
  readonly idleMs: number
  /** Of one caller; its least recently used one makes place. */
  readonly maxPerCaller: number
  readonly maxAll: number
}

const LIMITS: SessionLimits = { idleMs: 30 * MINUTE, maxPerCaller: 200, maxAll: 20_000 }

/**
 * A session of MCP up to 2025-11-25. Its id proves nothing: it counts only together with the
 * caller and the installation that it was made for.
 */
export type LegacySession = {
  readonly id: string
  readonly caller: Caller
  readonly installationId: string
  readonly protocolVersion: string
  /** What `notifications/cancelled` can still stop. */
  readonly inFlight: Map<RequestId, AbortController>
  stream: EventStream | undefined
}

type Entry = { readonly session: LegacySession; lastUsedMs: number }

/** In the memory of this process: a client that is not known here is told so, and initializes again. */
export class LegacySessions {
  /** Least recently used first. */
  readonly #entries = new Map<string, Entry>()
  readonly #limits: SessionLimits
  readonly #nowMs: () => number

  constructor(nowMs: () => number, limits: Partial<SessionLimits> = {}) {
    this.#nowMs = nowMs
    this.#limits = { ...LIMITS, ...limits }
  }

  open(caller: Caller, installationId: string, protocolVersion: string): LegacySession {
    this.#expire()
    const own = [...this.#entries.values()].filter(({ session }) => isOf(session, caller))
    if (own.length >= this.#limits.maxPerCaller) this.#close(own[0]?.session.id)
    if (this.#entries.size >= this.#limits.maxAll) this.#close(this.#entries.keys().next().value)
    const session: LegacySession = {
      id: randomUUID(),
      caller: { tenantId: caller.tenantId, actorId: caller.actorId },
      installationId,
      protocolVersion,
      inFlight: new Map(),
      stream: undefined,
    }
    this.#entries.set(session.id, { session, lastUsedMs: this.#nowMs() })
    return session
  }

  /** @returns undefined for an id that is unknown, over, or somebody else's. */
  find(id: string, caller: Caller, installationId: string): LegacySession | undefined {
    const entry = this.#entries.get(id)
    if (entry === undefined) return undefined
    const { session } = entry
    if (!isOf(session, caller) || session.installationId !== installationId) return undefined
    this.#entries.delete(id)
    if (this.#isOver(entry)) {
      end(session)
      return undefined
    }
    this.#entries.set(id, { session, lastUsedMs: this.#nowMs() })
    return session
  }

  close(session: LegacySession): void {
    this.#close(session.id)
  }

  #close(id: string | undefined): void {
    const entry = id === undefined ? undefined : this.#entries.get(id)
    if (entry === undefined) return
    this.#entries.delete(entry.session.id)
    end(entry.session)
  }

  #expire(): void {
    for (const [id, entry] of this.#entries) {
      if (!this.#isOver(entry)) return
      this.#close(id)
    }
  }

  #isOver({ session, lastUsedMs }: Entry): boolean {
    const used = session.stream !== undefined || session.inFlight.size > 0
    return !used && this.#nowMs() - lastUsedMs > this.#limits.idleMs
  }
}

function end(session: LegacySession): void {
  session.stream?.disconnect()
  for (const controller of session.inFlight.values()) controller.abort()
}

function isOf({ caller }: LegacySession, { tenantId, actorId }: Caller): boolean {
  return caller.tenantId === tenantId && caller.actorId === actorId
}
