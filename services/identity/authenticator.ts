import type { Kysely } from 'kysely'
import { DEFAULT_TENANT } from '../../domain/identity/tenant.ts'
import {
  type ApiKeyRow,
  type ApiKeysTables,
  findKeyOfAnyTenant,
} from '../../projections/identity/api-keys.ts'
import { hasPublicCatalogue, type TenantsTables } from '../../projections/identity/tenants.ts'
import type { Actor } from '../kernel/actor.ts'
import type { Authenticator } from '../kernel/authentication.ts'
import type { ApiKeys } from '../ports/api-keys.ts'

/** How long a revoked key may still work, in this process. */
const MAX_AGE_MS = 1_000
const MAX_CACHED = 10_000

export type AuthenticatorDeps = {
  readonly db: Kysely<ApiKeysTables & TenantsTables>
  readonly apiKeys: ApiKeys
  readonly now: () => Date
}

/** Knows keys from their read model, through a memory of one second. */
export function createAuthenticator({ db, apiKeys, now }: AuthenticatorDeps): Authenticator {
  const keys = remember<ApiKeyRow | undefined>(now, (keyId) => findKeyOfAnyTenant(db, keyId))
  const isPublic = remember(now, (tenantId) => hasPublicCatalogue(db, tenantId))

  return {
    async byKey(key) {
      const read = apiKeys.read(key)
      if (read === undefined) return undefined
      const row = await keys(read.keyId)
      if (row === undefined || !apiKeys.sameHash(row.secret_hash, read.secretHash)) return undefined
      return isUsable(row, now()) ? actorOf(row) : undefined
    },

    async anonymous() {
      if (!(await isPublic(DEFAULT_TENANT))) return undefined
      return { tenantId: DEFAULT_TENANT, actorId: 'anonymous', scopes: ['catalogue:read'] }
    },
  }
}

function isUsable({ revoked_at, expires_at }: ApiKeyRow, at: Date): boolean {
  return revoked_at === null && (expires_at === null || expires_at > at)
}

function actorOf({ tenant_id, key_id, scopes }: ApiKeyRow): Actor {
  return { tenantId: tenant_id, actorId: `key:${key_id}`, scopes }
}

/** One look-up at a time a key; what is not there is not remembered, so a new key works at once. */
function remember<Found>(
  now: () => Date,
  find: (key: string) => Promise<Found>,
): (key: string) => Promise<Found> {
  const found = new Map<string, { readonly answer: Promise<Found>; readonly until: number }>()
  return (key) => {
    const at = now().getTime()
    const known = found.get(key)
    if (known !== undefined && known.until > at) return known.answer
    if (found.size >= MAX_CACHED) found.clear()
    const answer = find(key)
    found.set(key, { answer, until: at + MAX_AGE_MS })
    const forget = () => {
      if (found.get(key)?.answer === answer) found.delete(key)
    }
    answer.then((value) => {
      if (value === undefined) forget()
    }, forget)
    return answer
  }
}
