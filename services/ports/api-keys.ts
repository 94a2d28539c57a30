/** A key's text is shown once, to whoever asked for it; the system keeps `secretHash`. */
export type NewApiKey = {
  readonly keyId: string
  readonly key: string
  readonly secretHash: string
}

/** Makes and checks the text of API keys. */
export interface ApiKeys {
  /** @param keyId 16 hexadecimal characters; random when left out. */
  create(keyId?: string): NewApiKey
  /** @returns undefined for what is not a key, or a mistyped one; costs no look-up. */
  read(key: string): Omit<NewApiKey, 'key'> | undefined
  /** In constant time. */
  sameHash(one: string, other: string): boolean
}
