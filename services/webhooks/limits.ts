export type DeliveryLimits = {
  /** Calls at once to receivers that answer well, all webhooks together. */
  readonly calls: number
  /** Calls at once to receivers that fail or are slow: they take nothing away from the others. */
  readonly troubledCalls: number
  /** Calls at once to one receiver that answers well; to another one it is one. */
  readonly callsPerWebhook: number
  /** A receiver that takes longer is slow. */
  readonly slowMs: number
  /** Owed deliveries of one webhook; beyond them the log itself is the queue. */
  readonly owedPerWebhook: number
  /** How often a webhook is looked at without a reason. */
  readonly idleMs: number
  /** How long calls may go on when the process stops. */
  readonly graceMs: number
  /** How long a delivery is remembered after it succeeded. */
  readonly keepDeliveredMs: number
}

const DAY_MS = 86_400_000

export const DELIVERY_LIMITS: DeliveryLimits = {
  calls: 24,
  troubledCalls: 8,
  callsPerWebhook: 8,
  slowMs: 2_000,
  owedPerWebhook: 1_000,
  idleMs: 30_000,
  graceMs: 5_000,
  keepDeliveredMs: 7 * DAY_MS,
}
