/** What is still encrypted with a key that is not the newest. */
export type KeysToRotate = {
  readonly tenantKeys: number
  readonly subjectKeys: number
  readonly secrets: number
}

/**
 * Changes keys while they are in use. Every method may run again after a crash at any moment, also
 * beside itself, and goes on where it was; `signal` stops it between two batches.
 */
export interface KeyRotation {
  /** Of the root key that is used for what is wrapped now. */
  rootKeyId(): Promise<string>

  /** Makes the successor of this root key, and wraps every tenant's keys with it instead. */
  rotateRootKey(rootKeyId: string, signal: AbortSignal): Promise<void>

  /** Those that have keys. */
  tenants(): Promise<readonly string[]>

  /** Makes the tenant's next key under this id, and encrypts with it what older ones encrypted. */
  rotateTenantKey(tenantId: string, nextKeyId: string, signal: AbortSignal): Promise<void>

  /**
   * Destroys keys that nothing needs. The newest and the one before it stay: a process that stood
   * still may yet write something with the latter.
   */
  destroyUnused(previousRootKeyId: string): Promise<void>

  remaining(): Promise<KeysToRotate>
}
