import { Slots } from '../kernel/slots.ts'
import type { EventStore, Position, RecordedEvent } from '../ports/event-store.ts'
import type { Evaluated } from './evaluations.ts'
import { fill, inTurns } from './past.ts'
import type { TenantEngines } from './tenant-engines.ts'

/** Tenants whose log is read at once, beside the reading for all. */
const AT_ONCE = 2

export type TenantsBehindDeps = {
  readonly events: Pick<EventStore, 'readAll'>
  readonly engines: TenantEngines
  readonly record: (tenantId: string, evaluated: readonly Evaluated[]) => Promise<void>
  /** Evaluations that are recorded together. */
  readonly maxBatch: number
}

type Behind = {
  /** Of the tenant's newest event that the follower left out. */
  last: Position
  caughtUp: Promise<void> | undefined
}

/**
 * Filling a tenant's windows takes as long as reading days of its log may take. No other tenant waits for it: the
 * tenant falls behind, and is given the log by itself until it has all that was left out meanwhile.
 */
export class TenantsBehind implements AsyncDisposable {
  readonly #deps: TenantsBehindDeps
  readonly #behind = new Map<string, Behind>()
  readonly #slots = new Slots(AT_ONCE)
  readonly #stop = new AbortController()
  readonly #broken = new AbortController()

  constructor(deps: TenantsBehindDeps) {
    this.#deps = deps
  }

  /** Aborts, with the error, when one of them cannot go on. */
  get broken(): AbortSignal {
    return this.#broken.signal
  }

  get isEmpty(): boolean {
    return this.#behind.size === 0
  }

  /** @returns whether the event is not to be handled now: the tenant is behind, or falls behind with it. */
  leavesOut(event: RecordedEvent): boolean {
    const { tenantId, position } = event
    const known = this.#behind.get(tenantId)
    if (known !== undefined) known.last = position
    else if (this.#deps.engines.filling(event) !== undefined)
      this.#behind.set(tenantId, { last: position, caughtUp: undefined })
    else return false
    return true
  }

  /** Begins with those that fell behind. What was decided before that has to be recorded. */
  start(): void {
    for (const [tenantId, behind] of this.#behind)
      behind.caughtUp ??= this.#slots
        .use(() => this.#catchUp(tenantId, behind))
        .catch((error: unknown) => {
          if (!this.#stop.signal.aborted) this.#broken.abort(error)
        })
  }

  async #catchUp(tenantId: string, behind: Behind): Promise<void> {
    const { engines } = this.#deps
    while (!this.#stop.signal.aborted) {
      await this.#readOn(tenantId)
      // Nothing comes between this and that it is not left out any more.
      if (engines.positionOf(tenantId) < behind.last) continue
      this.#behind.delete(tenantId)
      return
    }
  }

  /** Everything that the tenant's log has now. */
  async #readOn(tenantId: string): Promise<void> {
    const { engines, events, maxBatch, record } = this.#deps
    let evaluated: Evaluated[] = []
    const from = engines.positionOf(tenantId)
    for await (const event of inTurns(events.readAll({ tenantId, from }), this.#stop.signal)) {
      await this.#fill(event)
      const evaluation = engines.take(event)
      if (evaluation !== undefined) evaluated.push({ event, evaluation })
      if (evaluated.length < maxBatch) continue
      await record(tenantId, evaluated)
      evaluated = []
    }
    if (evaluated.length > 0) await record(tenantId, evaluated)
  }

  async #fill(event: RecordedEvent): Promise<void> {
    const { engines, events } = this.#deps
    const filling = engines.filling(event)
    if (filling === undefined) return
    await fill(events, event.tenantId, filling, event.position, this.#stop.signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort()
    await Promise.all([...this.#behind.values()].map(({ caughtUp }) => caughtUp))
  }
}
