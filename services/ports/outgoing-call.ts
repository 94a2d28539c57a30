export type OutgoingRequest = {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  /** An answer that is larger is none. */
  readonly maxBytes: number
}

export type OutgoingAnswer = {
  readonly status: number
  /** Names in lower case; several values of one name are joined by commas. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

/** Why there is no answer. `message` is one sentence for whoever chose the address, without the address. */
export class OutgoingCallError extends Error {
  override readonly name = 'OutgoingCallError'
  readonly reason: 'address-refused' | 'unreachable' | 'timeout' | 'too-large' | 'bad-request'

  constructor(reason: OutgoingCallError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/**
 * Calls addresses that a user chose: dials none that the operator does not allow, follows no redirect,
 * takes a bounded time and reads a bounded answer.
 */
export interface OutgoingCalls {
  /**
   * @throws {OutgoingCallError}
   * @throws the signal's reason when it ends the call.
   */
  call(request: OutgoingRequest, signal: AbortSignal): Promise<OutgoingAnswer>
}
