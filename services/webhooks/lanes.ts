import { shownType } from '../../domain/custom/events.ts'
import type { KnownWebhook } from '../../domain/webhooks/webhook.ts'
import type { WebhookKey } from '../ports/delivery-ledger.ts'
import type { Position, RecordedEvent } from '../ports/event-store.ts'
import { enabledIn, type FollowedWebhook } from './known-webhooks.ts'
import { Lane, type LaneDeps } from './lane.ts'

type Running = {
  readonly lane: Lane
  readonly stop: AbortController
  readonly done: Promise<void>
}

/** One lane for each webhook that is enabled. */
export class Lanes {
  readonly #deps: LaneDeps
  readonly #running = new Map<string, Running>()

  constructor(deps: LaneDeps) {
    this.#deps = deps
  }

  /** Starts, tells or stops the webhook's lane, as its state wants. */
  follow({ key, registeredAt, state }: FollowedWebhook): void {
    const running = this.#running.get(key.webhookId)
    const webhook = enabledIn(state)
    if (webhook === undefined) running?.stop.abort()
    else if (running?.stop.signal.aborted === false) running.lane.tellChange(webhook)
    else this.#start(key, webhook, registeredAt)
  }

  #start(key: WebhookKey, webhook: KnownWebhook, registeredAt: Position): void {
    const lane = new Lane(this.#deps, key, webhook, registeredAt)
    const stop = new AbortController()
    // One that was paused and resumed at once still ends its calls.
    const done = this.ended(key).then(() => lane.run(stop.signal))
    this.#running.set(key.webhookId, { lane, stop, done })
  }

  /** Resolves when nothing of a stopped lane is under way any more. */
  async ended({ webhookId }: WebhookKey): Promise<void> {
    await this.#running.get(webhookId)?.done
  }

  /** Tells the lanes of webhooks that want one of these events. */
  tellNews(webhooks: readonly FollowedWebhook[], events: readonly RecordedEvent[]): void {
    const types = new Map<string, Set<string>>()
    for (const event of events) {
      const ofTenant = types.get(event.tenantId) ?? new Set()
      types.set(event.tenantId, ofTenant.add(event.type).add(shownType(event)))
    }
    for (const { key, state } of webhooks) {
      const news = types.get(key.tenantId)
      const wanted = enabledIn(state)?.types
      if (news === undefined || wanted === undefined) continue
      if (wanted.length === 0 || wanted.some((type) => news.has(type)))
        this.#running.get(key.webhookId)?.lane.tellNews()
    }
  }

  /** Resolves when every lane has ended. */
  async stop(): Promise<void> {
    const all = [...this.#running.values()]
    for (const { stop } of all) stop.abort()
    await Promise.all(all.map(({ done }) => done))
  }
}
