import type { Position } from './event-store.ts'

/** One webhook of one tenant. */
export type WebhookKey = { readonly tenantId: string; readonly webhookId: string }

/** `owed`: to be sent, perhaps again. `parked`: given up until somebody asks for it. */
export type DeliveryState = 'owed' | 'delivered' | 'parked'

/** Where an event is in the log, and what it is. */
export type EventPlace = {
  readonly eventId: string
  readonly position: Position
  readonly stream: string
  readonly revision: bigint
  readonly type: string
}

export type OwedDelivery = EventPlace & {
  /** How often it was replayed. */
  readonly round: number
  /** Of this round. */
  readonly attempts: number
  /** Of this round; undefined before it. */
  readonly firstAttemptAt: Date | undefined
}

export type Attempt = {
  readonly at: Date
  readonly durationMs: number
  /** `delivered`, or in one word what went wrong. */
  readonly outcome: string
  readonly status: number | undefined
  /** Begin of the receiver's answer; empty when there was none. */
  readonly answer: string
}

export type Delivery = Pick<
  OwedDelivery,
  'eventId' | 'position' | 'type' | 'round' | 'attempts'
> & {
  readonly state: DeliveryState
  /** Undefined unless owed. */
  readonly nextAttemptAt: Date | undefined
  /** Undefined before the first. */
  readonly lastAttempt: Attempt | undefined
}

export type Progress = {
  /** Every event up to here that the webhook wants became a delivery. */
  readonly position: Position
  /** Everything in the webhook's own stream up to here was taken into account. */
  readonly handled: Position
  readonly owed: number
}

/** A part of the log that is sent again: after `position`, up to and with `through`. */
export type Replay = {
  readonly replayId: string
  readonly position: Position
  readonly through: Position
}

export type Backlog = WebhookKey & {
  readonly owed: number
  readonly parked: number
  /** Undefined when nothing is owed. */
  readonly oldestOwedAt: Date | undefined
  /** Undefined before the first success. */
  readonly lastDeliveredAt: Date | undefined
}

/** A request in the webhook's stream, at `at`. */
export type ReplayRequest =
  | { readonly kind: 'event'; readonly eventId: string }
  | {
      readonly kind: 'parked' | 'all'
      readonly after: Position
      readonly through: Position
      readonly replayId: string
    }

/**
 * What is owed to each webhook and how its calls went: operational memory, shared by all
 * processes. Losing all of it sends events twice, under the same ids, and loses none.
 */
export interface DeliveryLedger {
  /** Begins at `from` for a webhook that it does not know yet. */
  progress(key: WebhookKey, from: Position): Promise<Progress>

  /**
   * Takes the events between two positions in, the ones that are there already excepted.
   *
   * @returns false when another process did so first; then nothing was changed.
   */
  enqueue(
    key: WebhookKey,
    range: { readonly from: Position; readonly to: Position },
    events: readonly EventPlace[],
    now: Date,
  ): Promise<boolean>

  /** What may be sent now, the longest due first; none while the webhook is held. */
  due(key: WebhookKey, now: Date, limit: number): Promise<readonly OwedDelivery[]>
  /** When there is something due again; undefined = nothing is owed. */
  nextDue(key: WebhookKey): Promise<Date | undefined>

  /**
   * Records an attempt and what follows from it.
   *
   * @returns false when another process recorded one first; then nothing was changed.
   */
  record(
    key: WebhookKey,
    owed: OwedDelivery,
    attempt: Attempt,
    next:
      | { readonly state: 'owed'; readonly at: Date }
      | { readonly state: 'delivered' | 'parked' },
  ): Promise<boolean>
  /** Nothing is sent before `until`. */
  hold(key: WebhookKey, until: Date): Promise<void>

  /** All that is owed is due now, with a retry window of its own. Repeating it for the same `at` changes nothing. */
  resume(key: WebhookKey, at: Position, now: Date): Promise<void>
  /** Owes again what is asked for. Repeating it for the same `at` changes nothing. */
  replay(key: WebhookKey, at: Position, request: ReplayRequest, now: Date): Promise<void>
  /** Parts of the log that are still to be taken in. */
  openReplays(key: WebhookKey): Promise<readonly Replay[]>
  /** Owes the events again, and goes on to `to`; the end of the part ends the replay. */
  advanceReplay(
    key: WebhookKey,
    replay: Replay,
    to: Position,
    events: readonly EventPlace[],
    now: Date,
  ): Promise<void>

  /** Of a removed webhook. */
  forget(key: WebhookKey): Promise<void>
  /** Drops what was delivered before then. */
  prune(before: Date): Promise<void>

  find(key: WebhookKey, eventId: string): Promise<Delivery | undefined>
  /** The newest events first. @param page `before`: position, exclusive. */
  list(
    key: WebhookKey,
    page: {
      readonly state?: DeliveryState | undefined
      readonly before?: Position | undefined
      readonly limit: number
    },
  ): Promise<readonly Delivery[]>
  /** @param key undefined = of every webhook. */
  backlog(key?: WebhookKey): Promise<readonly Backlog[]>
}
