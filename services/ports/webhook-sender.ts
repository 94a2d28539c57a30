export type WebhookMessage = {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What became of one call. */
export type CallOutcome =
  | {
      readonly outcome: 'answered'
      readonly status: number
      /** What `Retry-After` asks for; undefined when it asks for nothing. */
      readonly retryAfterMs: number | undefined
      /** Begin of the body: a third party's text. */
      readonly answer: string
    }
  | { readonly outcome: 'timeout' | 'unreachable' | 'address-refused' }

/**
 * POSTs to addresses that a third party chose: dials none that the operator does not allow,
 * follows no redirect, takes a bounded time and reads a bounded part of the answer.
 */
export interface WebhookSender {
  /**
   * What can be said of an address before its name is looked up.
   *
   * @throws {WebhookAddressError} when the operator does not allow to call it.
   */
  check(url: string): void
  /** Never rejects. `signal` ends the call, which then counts as unreachable. */
  send(message: WebhookMessage, signal: AbortSignal): Promise<CallOutcome>
}

/** The message is one sentence for whoever chose the address. */
export class WebhookAddressError extends Error {
  override readonly name = 'WebhookAddressError'
}
