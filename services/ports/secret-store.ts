/**
 * Values that must not be in events, logs or answers, encrypted at rest. A value belongs to one
 * tenant's installation and has the name of an input that its catalogue entry declares, or it
 * belongs to one of its webhooks. Ids of both are UUIDs: no two owners share one.
 */
export interface SecretStore {
  /** Replaces the value when there is one. */
  put(tenantId: string, ownerId: string, name: string, value: string): Promise<void>

  /** Removing what is not there is harmless. */
  remove(tenantId: string, ownerId: string, name: string): Promise<void>

  /** For an uninstalled server, or a removed webhook. */
  removeAll(tenantId: string, ownerId: string): Promise<void>

  /**
   * Values by name, for starting or connecting to the server, or signing, and for nothing else.
   *
   * @throws {SecretUnreadableError} when a value was not written with this machine's key, or for another owner.
   */
  reveal(tenantId: string, ownerId: string): Promise<Readonly<Record<string, string>>>
}

export class SecretUnreadableError extends Error {
  override readonly name = 'SecretUnreadableError'
}
