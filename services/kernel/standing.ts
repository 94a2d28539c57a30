import type { Kysely } from 'kysely'
import type { Scope } from '../../domain/identity/scopes.ts'
import { type ApiKeysTables, findKeyOfAnyTenant } from '../../projections/identity/api-keys.ts'

/** In whose name something acts later: recorded when it was asked for. */
export type Owner = { readonly actorId: string; readonly scopes: readonly string[] }

export type Standing = {
  /** Whether the owner may still give commands that need the scope. */
  readonly may: (tenantId: string, owner: Owner, access: Scope) => Promise<boolean>
  /** What the key may now; nothing when it is none, was revoked or has expired. */
  readonly scopesOf: (tenantId: string, actorId: string) => Promise<readonly Scope[]>
}

const KEY = 'key:'

/** A key may no more than it could when it asked, and nothing once it is revoked or has expired. */
export function createStanding(db: Kysely<ApiKeysTables>, now: () => Date): Standing {
  async function scopesOf(tenantId: string, actorId: string): Promise<readonly Scope[]> {
    if (!actorId.startsWith(KEY)) return []
    const row = await findKeyOfAnyTenant(db, actorId.slice(KEY.length))
    if (row === undefined || row.tenant_id !== tenantId || row.revoked_at !== null) return []
    return row.expires_at === null || row.expires_at > now() ? row.scopes : []
  }
  return {
    scopesOf,
    async may(tenantId, { actorId, scopes }, access) {
      return scopes.includes(access) && (await scopesOf(tenantId, actorId)).includes(access)
    },
  }
}
