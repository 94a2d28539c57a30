import type { Kysely, Selectable } from 'kysely'
import type { IdentityEvent } from '../../domain/identity/events.ts'
import type { Scope } from '../../domain/identity/scopes.ts'
import { ERASED } from '../../domain/kernel/personal.ts'
import type { SubjectErasedEvent } from '../../domain/privacy/events.ts'
import type { ReadModel } from '../kernel/read-model.ts'

// Every API key that was ever issued: what authentication looks up.

export interface ApiKeysTables {
  api_keys: {
    tenant_id: string
    key_id: string
    /** The person whose data the name and the owner are; null for a key of an older program. */
    subject_id: string | null
    name: string
    owner: string | null
    scopes: readonly Scope[]
    /** HMAC-SHA256, hexadecimal; no answer shows it. */
    secret_hash: string
    issued_by: string
    issued_at: Date
    expires_at: Date | null
    revoked_at: Date | null
  }
}

export type ApiKeyRow = Selectable<ApiKeysTables['api_keys']>

export const apiKeys: ReadModel<IdentityEvent | SubjectErasedEvent, ApiKeysTables> = {
  name: 'api-keys',
  version: 2,
  keys: { api_keys: ['tenant_id', 'key_id'] },
  changes: {
    ApiKeyIssued: ({ data }, { tenantId, actorId }) => [
      {
        table: 'api_keys',
        put: {
          tenant_id: tenantId,
          key_id: data.keyId,
          subject_id: data.subjectId ?? null,
          name: data.name,
          owner: data.owner ?? null,
          scopes: data.scopes,
          secret_hash: data.secretHash,
          issued_by: actorId,
          issued_at: new Date(data.issuedAt),
          expires_at: data.expiresAt === undefined ? null : new Date(data.expiresAt),
          revoked_at: null,
        },
      },
    ],
    ApiKeyRevoked: ({ data }, { tenantId }) => [
      {
        table: 'api_keys',
        at: { tenant_id: tenantId, key_id: data.keyId },
        patch: { revoked_at: new Date(data.revokedAt) },
      },
    ],
    SubjectErased: ({ data }, { tenantId }) => [
      {
        table: 'api_keys',
        where: { tenant_id: tenantId, subject_id: data.subjectId },
        patch: { name: ERASED, owner: ERASED },
      },
    ],
  },
}

/** The one look-up without a tenant: it is how the tenant of a request is found. */
export function findKeyOfAnyTenant(
  db: Kysely<ApiKeysTables>,
  keyId: string,
): Promise<ApiKeyRow | undefined> {
  return db.selectFrom('api_keys').selectAll().where('key_id', '=', keyId).executeTakeFirst()
}

/** By id. @param after exclusive. */
export function listApiKeys(
  db: Kysely<ApiKeysTables>,
  tenantId: string,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<ApiKeyRow[]> {
  const { limit, after } = page
  return db
    .selectFrom('api_keys')
    .selectAll()
    .where('tenant_id', '=', tenantId)
    .$if(after !== undefined, (query) => query.where('key_id', '>', after ?? ''))
    .orderBy('key_id')
    .limit(limit)
    .execute()
}
