/** A key, encrypted with one of the provider's root keys. */
export type WrappedKey = { readonly rootKeyId: string; readonly wrapped: Buffer }

/**
 * Holds the root keys and never lets one out: what every other key is wrapped with. A file of
 * this machine now; made so that Vault's transit engine (key versions) and a cloud's KMS
 * (encryption contexts) fit. A context is authenticated: a key unwraps with the same one only.
 */
export interface KeyProvider {
  /** Of the root key that `wrap` uses. */
  currentKeyId(): Promise<string>

  wrap(key: Buffer, context: readonly string[]): Promise<WrappedKey>

  /** @throws {KeyUnavailableError} when the root key is not there or is not the one that wrapped it. */
  unwrap(key: WrappedKey, context: readonly string[]): Promise<Buffer>

  /**
   * Makes the root key that comes after this one, and `wrap` uses it from then on. Repeating it
   * makes no further key. Earlier ones go on unwrapping.
   *
   * @returns the id of the new one.
   */
  succeed(rootKeyId: string): Promise<string>

  /** Forgets every root key for ever, but the one in use and these. Repeating it is harmless. */
  retireOthers(kept: readonly string[]): Promise<void>
}

export class KeyUnavailableError extends Error {
  override readonly name = 'KeyUnavailableError'
}
