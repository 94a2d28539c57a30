import type { EventStore, FeedBatch, Position } from '../ports/event-store.ts'
import type { HoldLease } from '../ports/lease.ts'
import type { Logger } from '../ports/logger.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { RuleState } from '../ports/rule-state.ts'
import { ActionLanes } from './action-lanes.ts'
import { type Evaluated, type Recorded, record, recordedOf } from './evaluations.ts'
import type { FiringDeps } from './firing.ts'
import { TenantEngines } from './tenant-engines.ts'
import { TenantsBehind } from './tenants-behind.ts'

/** So often, and after so many events, a start would begin later in the log. */
const SAVE_MS = 30_000
const SAVE_EVENTS = 50_000
/** Evaluating so many takes about as long as appending what comes of it. */
const MAX_BATCH = 250

export type RuleReactorDeps = FiringDeps & {
  /** As stored: personal data stays encrypted, so that no evaluation repeats it in plain text. */
  readonly events: EventStore
  readonly state: RuleState
  readonly metrics: Metrics
  readonly logger: Logger
  readonly hold: HoldLease
}

/**
 * Until `signal` aborts: asks the rules about everything that happens, records what they say, and does
 * what they owe. Any number of processes may run it, one of them works.
 *
 * @throws what the store or the state throw when they cannot be used.
 */
export async function runRuleReactor(deps: RuleReactorDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await deps.hold(signal, (held) => work(deps, held))
}

async function work(deps: RuleReactorDeps, signal: AbortSignal): Promise<void> {
  const engines = new TenantEngines()
  const after = await engines.restore(deps.state)
  await using lanes = new ActionLanes(deps)
  for (const tenantId of engines.tenants()) lanes.tellNews(tenantId)
  await using follower = new Follower(deps, engines, lanes)
  const ends = AbortSignal.any([signal, follower.broken])
  for await (const batch of deps.events.follow({ after, signal: ends, maxBatch: MAX_BATCH }))
    await follower.take(batch)
  follower.broken.throwIfAborted()
  if (!signal.aborted) throw new Error('The event store was closed.')
  await follower.save()
}

class Follower implements AsyncDisposable {
  readonly #deps: RuleReactorDeps
  readonly #engines: TenantEngines
  readonly #lanes: ActionLanes
  readonly #behind: TenantsBehind
  readonly #recorded = new Map<string, Recorded>()
  #through: Position = 0n
  #unsaved = 0
  #savedAt = performance.now()

  constructor(deps: RuleReactorDeps, engines: TenantEngines, lanes: ActionLanes) {
    this.#deps = deps
    this.#engines = engines
    this.#lanes = lanes
    const record = (tenantId: string, evaluated: readonly Evaluated[]) =>
      this.#record(tenantId, evaluated)
    const { events } = deps
    this.#behind = new TenantsBehind({ events, engines, record, maxBatch: MAX_BATCH })
  }

  /** Aborts, with the error, when a tenant's evaluations cannot be recorded. */
  get broken(): AbortSignal {
    return this.#behind.broken
  }

  async take({ events, through }: FeedBatch): Promise<void> {
    const evaluated = new Map<string, Evaluated[]>()
    for (const event of events) {
      if (this.#behind.leavesOut(event)) continue
      const evaluation = this.#engines.take(event)
      if (evaluation === undefined) continue
      const ofTenant = evaluated.get(event.tenantId) ?? []
      ofTenant.push({ event, evaluation })
      evaluated.set(event.tenantId, ofTenant)
    }
    await Promise.all([...evaluated].map(([tenantId, each]) => this.#record(tenantId, each)))
    this.#behind.start()
    this.#through = through
    this.#unsaved += events.length
    const isOld = performance.now() - this.#savedAt > SAVE_MS
    if (this.#unsaved >= SAVE_EVENTS || (isOld && this.#unsaved > 0)) await this.save()
  }

  /** What is recorded already was decided by an earlier run of this, in the same way. */
  async #record(tenantId: string, evaluated: readonly Evaluated[]): Promise<void> {
    const { events, metrics } = this.#deps
    const before = this.#recorded.get(tenantId) ?? (await recordedOf(events, tenantId))
    const news = evaluated.filter(({ event }) => event.position > before.through)
    this.#recorded.set(tenantId, await record(events, tenantId, news, before))
    for (const { evaluation } of news)
      for (const { verdict } of evaluation.rules) metrics.ruleAsked(verdict)
    this.#lanes.tellNews(tenantId)
  }

  /** Losing this costs time, so nothing ends because of it. A place is one for all tenants. */
  async save(): Promise<void> {
    if (!this.#behind.isEmpty) return
    const { logger, metrics, state } = this.#deps
    this.#unsaved = 0
    this.#savedAt = performance.now()
    metrics.rulesKept(this.#engines.sizes())
    if (this.#through === 0n) return
    try {
      await this.#engines.save(state, this.#through)
    } catch (error) {
      logger.warn({ err: error }, 'how far the rules have come was not saved')
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#behind[Symbol.asyncDispose]()
  }
}
