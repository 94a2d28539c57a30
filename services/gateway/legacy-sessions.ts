import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { EndedSessions } from '../ports/ended-sessions.ts'
import type { Caller } from './call-log.ts'
import type { EventStream } from './event-stream.ts'
import type { RequestId } from './json-rpc.ts'

const DAY_MS = 24 * 60 * 60 * 1_000
/** Then its client has to initialize again. */
const LIFETIME_MS = 7 * DAY_MS
/** How long another gateway may still serve a session that was ended. */
const MAX_AGE_MS = 1_000
const MAX_KNOWN = 10_000

export type LegacySessionsDeps = {
  /** The same in every gateway; they serve each other's sessions. */
  readonly key: Uint8Array
  readonly ended: EndedSessions
  readonly nowMs: () => number
}

export type LegacySession = { readonly id: string; readonly tenantId: string }

/**
 * Sessions of MCP up to 2025-11-25. There is nothing to remember of one: its id is signed for
 * the caller and the installation that it was made for, and counts only together with them. So
 * every gateway serves it, also after a restart; which ones were ended is in the database.
 *
 * Its open stream and the calls that can be cancelled are those of one process: a cancellation
 * that reaches another one does nothing, which the protocol allows.
 */
export class LegacySessions {
  readonly #deps: LegacySessionsDeps
  readonly #streams = new Map<string, EventStream>()
  /** By session, then by request: what `notifications/cancelled` can still stop. */
  readonly #calls = new Map<string, Map<RequestId, AbortController>>()
  /** Until when a session need not be looked up again; oldest first. */
  readonly #known = new Map<string, number>()

  constructor(deps: LegacySessionsDeps) {
    this.#deps = deps
  }

  /** @returns its id. */
  open(caller: Caller, installationId: string): string {
    const claim = `${this.#deps.nowMs().toString(36)}.${randomBytes(16).toString('base64url')}`
    return `${claim}.${this.#sign(claim, caller, installationId)}`
  }

  /** @returns undefined for an id that is unknown, over, or somebody else's. */
  async find(
    id: string,
    caller: Caller,
    installationId: string,
  ): Promise<LegacySession | undefined> {
    const [at = '', nonce = '', signature = ''] = id.split('.')
    if (!isSame(signature, this.#sign(`${at}.${nonce}`, caller, installationId))) return undefined
    if (this.#deps.nowMs() > endOf(id) || (await this.#isEnded(caller.tenantId, id)))
      return undefined
    return { id, tenantId: caller.tenantId }
  }

  /** Everywhere; here also its stream and its calls. */
  async end({ id, tenantId }: LegacySession): Promise<void> {
    await this.#deps.ended.add(tenantId, id, new Date(endOf(id)))
    this.#known.delete(id)
    this.#streams.get(id)?.disconnect()
    for (const call of this.#calls.get(id)?.values() ?? []) call.abort()
  }

  hasStream({ id }: LegacySession): boolean {
    return this.#streams.has(id)
  }

  /** @param open is told what to call when the stream has closed. */
  attach({ id }: LegacySession, open: (closed: () => void) => EventStream): void {
    this.#streams.set(
      id,
      open(() => this.#streams.delete(id)),
    )
  }

  /** Does `work`, which the session's client may cancel. */
  async during<Answer>(
    { id }: LegacySession,
    request: RequestId,
    work: (cancelled: AbortSignal) => Promise<Answer>,
  ): Promise<Answer> {
    const call = new AbortController()
    const calls = this.#calls.get(id) ?? new Map<RequestId, AbortController>()
    this.#calls.set(id, calls.set(request, call))
    try {
      return await work(call.signal)
    } finally {
      if (calls.get(request) === call) calls.delete(request)
      if (calls.size === 0) this.#calls.delete(id)
    }
  }

  cancel({ id }: LegacySession, request: RequestId): void {
    this.#calls.get(id)?.get(request)?.abort()
  }

  async #isEnded(tenantId: string, id: string): Promise<boolean> {
    const now = this.#deps.nowMs()
    if ((this.#known.get(id) ?? 0) > now) return false
    if (await this.#deps.ended.has(tenantId, id)) return true
    this.#known.delete(id)
    this.#known.set(id, now + MAX_AGE_MS)
    const oldest = this.#known.keys().next()
    if (this.#known.size > MAX_KNOWN && !oldest.done) this.#known.delete(oldest.value)
    return false
  }

  #sign(claim: string, { tenantId, actorId }: Caller, installationId: string): string {
    return createHmac('sha256', this.#deps.key)
      .update(JSON.stringify([claim, tenantId, actorId, installationId]))
      .digest('base64url')
  }
}

function endOf(id: string): number {
  return Number.parseInt(id, 36) + LIFETIME_MS
}

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
