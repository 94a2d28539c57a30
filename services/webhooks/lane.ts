import { setTimeout as delay } from 'node:timers/promises'
import { backoff } from '../../domain/kernel/backoff.ts'
import type { KnownWebhook } from '../../domain/webhooks/webhook.ts'
import type { Slots } from '../kernel/slots.ts'
import type { OwedDelivery, WebhookKey } from '../ports/delivery-ledger.ts'
import type { Position } from '../ports/event-store.ts'
import { type AttemptDeps, attempt } from './attempt.ts'
import { takeIn, takeRequests } from './intake.ts'
import type { DeliveryLimits } from './limits.ts'

const PAGE = 64
const FIRST_PAUSE_MS = 250

export type LaneDeps = AttemptDeps & {
  readonly limits: DeliveryLimits
  readonly slots: { readonly well: Slots; readonly troubled: Slots }
  /** How far the log is known. */
  readonly through: () => Position
  /** Ends calls that are under way. */
  readonly calls: AbortSignal
}

/**
 * The way of events to one webhook. Every enabled webhook has one: none waits for another, except
 * for a slot. A receiver that fails or is slow gets one call at a time, from slots that those that
 * answer well do not need.
 */
export class Lane {
  readonly #deps: LaneDeps
  readonly #key: WebhookKey
  readonly #registeredAt: Position
  #webhook: KnownWebhook
  #hasNews = true
  #hasRequests = true
  #isFull = false
  #isTroubled = false
  /** The log says so, too, and soon ends this lane. */
  #isDisabled = false
  #wake: () => void = () => {}

  constructor(deps: LaneDeps, key: WebhookKey, webhook: KnownWebhook, registeredAt: Position) {
    this.#deps = deps
    this.#key = key
    this.#webhook = webhook
    this.#registeredAt = registeredAt
  }

  /** There is something in the log for it. */
  tellNews(): void {
    this.#hasNews = true
    this.#wake()
  }

  /** Its own stream goes on. */
  tellChange(webhook: KnownWebhook): void {
    this.#webhook = webhook
    this.#isDisabled = false
    this.#hasRequests = true
    this.tellNews()
  }

  /** Resolves when `signal` aborted and nothing is under way any more. */
  async run(signal: AbortSignal): Promise<void> {
    const { limits, logger } = this.#deps
    let failures = 0
    while (!signal.aborted) {
      try {
        await this.#rest(await this.#turn(signal), signal)
        failures = 0
      } catch (error) {
        logger.warn({ ...this.#key, err: error }, 'webhook delivery is interrupted')
        this.#hasRequests = true
        this.#hasNews = true
        const pauseMs = backoff(failures, FIRST_PAUSE_MS, limits.idleMs)
        failures += 1
        await delay(pauseMs, undefined, { signal }).catch(() => {})
      }
    }
  }

  /** @returns how long there is nothing to do, in ms. */
  async #turn(signal: AbortSignal): Promise<number> {
    const { ledger, limits, now } = this.#deps
    if (this.#isDisabled) return limits.idleMs
    if (this.#hasRequests) await this.#takeRequests()
    if (this.#hasNews) await this.#takeIn()
    const due = await ledger.due(this.#key, now(), this.#isTroubled ? 1 : PAGE)
    if (due.length > 0) {
      await this.#send([...due], signal)
      if (this.#isFull) this.#hasNews = true
      return 0
    }
    const next = await ledger.nextDue(this.#key)
    if (next === undefined) return limits.idleMs
    return Math.min(limits.idleMs, Math.max(1, next.getTime() - now().getTime()))
  }

  async #takeRequests(): Promise<void> {
    this.#hasRequests = false
    await takeRequests(this.#deps, { key: this.#key, registeredAt: this.#registeredAt })
    this.#hasNews = true
  }

  async #takeIn(): Promise<void> {
    this.#hasNews = false
    const taken = await takeIn(this.#deps, {
      ...{ key: this.#key, webhook: this.#webhook, registeredAt: this.#registeredAt },
      through: this.#deps.through(),
      limit: this.#deps.limits.owedPerWebhook,
    })
    this.#isFull = taken === 'full'
    if (taken === 'more') this.#hasNews = true
  }

  /** Takes from `queue` until it is empty or the receiver should be left alone. */
  async #send(queue: OwedDelivery[], signal: AbortSignal): Promise<void> {
    const { limits, slots } = this.#deps
    const work = async (isFirst: boolean) => {
      while (!signal.aborted && (isFirst || !this.#isTroubled)) {
        const owed = queue.shift()
        if (owed === undefined) return
        const slot = this.#isTroubled ? slots.troubled : slots.well
        const leaveAlone = await slot.use(() => this.#attempt(owed, signal))
        if (leaveAlone) queue.length = 0
      }
    }
    const workers = Array.from({ length: limits.callsPerWebhook }, (_, index) => work(index === 0))
    const ends = await Promise.allSettled(workers)
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  /** @returns whether the receiver should be left alone. */
  async #attempt(owed: OwedDelivery, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return true
    const startedAt = performance.now()
    const { calls, limits } = this.#deps
    const verdict = await attempt(this.#deps, this.#key, this.#webhook, owed, calls)
    this.#isTroubled = verdict !== 'well' || performance.now() - startedAt > limits.slowMs
    this.#isDisabled = verdict === 'disabled'
    return verdict === 'leave-alone' || verdict === 'disabled'
  }

  /** Until there is something to do, or `ms` are over. */
  async #rest(ms: number, signal: AbortSignal): Promise<void> {
    const isAsked = !this.#isDisabled && (this.#hasNews || this.#hasRequests)
    if (ms === 0 || isAsked) return
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await delay(ms, undefined, { signal: AbortSignal.any([signal, woken.signal]) }).catch(() => {})
    this.#wake = () => {}
    // Looking without having been told costs a query and makes a lost word harmless.
    this.#hasNews = true
  }
}
