/** Where keys and what they encrypt are, besides the log. */
export interface KeyTables {
  'ops.tenant_keys': {
    tenant_id: string
    /** From 1; the highest one is used for what is new. */
    generation: number
    key_id: string
    root_key_id: string
    wrapped: Buffer
  }
  'ops.subject_keys': {
    tenant_id: string
    subject_id: string
    key_id: string
    /** Null, both of them: the key is destroyed. */
    tenant_key_id: string | null
    wrapped: Buffer | null
  }
  'ops.secrets': {
    tenant_id: string
    installation_id: string
    name: string
    /** Null: sealed with the root key itself, by an earlier program. */
    tenant_key_id: string | null
    box: Buffer
  }
}
