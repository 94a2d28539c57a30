/** What became of a call: the receiver's status, or why there is none. */
export type WebhookCall =
  | { readonly delivered: true; readonly status: number }
  | {
      readonly delivered: false
      /** Stable; in one word what went wrong. */
      readonly code: string
      /** One sentence without anything of the receiver's own. */
      readonly cause: string
      /** False when calling again is of no use. */
      readonly again: boolean
      /** What the receiver asks for. */
      readonly retryAfterMs?: number
    }

/** Calls the webhooks that a tenant has registered, outside of what they subscribe to. */
export interface WebhookCaller {
  /**
   * Sends one signed CloudEvent. `signal` ends the call.
   *
   * @throws what the store and the secrets throw; then nothing is known of the call.
   */
  call(
    webhook: { readonly tenantId: string; readonly webhookId: string },
    event: { readonly id: string },
    signal: AbortSignal,
  ): Promise<WebhookCall>
}
