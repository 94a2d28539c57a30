import { Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import { subjectId } from '../kernel/personal.ts'
import { type ContextEvents, firstVersion } from '../kernel/upcast.ts'
import { SCOPES } from './scopes.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.

const instant = Type.String({ format: 'date-time' })
const keyId = Type.String({ minLength: 1, maxLength: 64 })
const scope = Type.Enum(SCOPES)

export const TenantCreatedV1 = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 200 }), createdAt: instant },
  { $id: 'identity.TenantCreated.v1', additionalProperties: false },
)

export const CatalogueVisibilityChangedV1 = Type.Object(
  {
    visibility: Type.Union([Type.Literal('public'), Type.Literal('private')]),
    changedAt: instant,
  },
  { $id: 'identity.CatalogueVisibilityChanged.v1', additionalProperties: false },
)

/** The secret itself is shown once and never stored: only its keyed hash is. */
export const ApiKeyIssuedV1 = Type.Object(
  {
    keyId,
    name: Type.String({ minLength: 1, maxLength: 200 }),
    scopes: Type.Array(scope, { minItems: 1 }),
    secretHash: Type.String({ description: 'HMAC-SHA256 of the secret, hexadecimal' }),
    expiresAt: Type.Optional(instant),
    issuedAt: instant,
  },
  { $id: 'identity.ApiKeyIssued.v1', additionalProperties: false },
)

/** What people call a key, and whose it is, is theirs: encrypted for the subject. */
export const ApiKeyIssuedV2 = Type.Object(
  {
    keyId,
    subjectId: Type.Optional(subjectId),
    name: Type.String({ minLength: 1, maxLength: 200, personal: { subject: 'subjectId' } }),
    owner: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 300,
        description: 'who has the key: a name or an address',
        personal: { subject: 'subjectId' },
      }),
    ),
    scopes: Type.Array(scope, { minItems: 1 }),
    secretHash: Type.String({ description: 'HMAC-SHA256 of the secret, hexadecimal' }),
    expiresAt: Type.Optional(instant),
    issuedAt: instant,
  },
  { $id: 'identity.ApiKeyIssued.v2', additionalProperties: false },
)

export const ApiKeyRevokedV1 = Type.Object(
  { keyId, revokedAt: instant },
  { $id: 'identity.ApiKeyRevoked.v1', additionalProperties: false },
)

export type IdentityEvent =
  | EventOf<'TenantCreated', typeof TenantCreatedV1>
  | EventOf<'CatalogueVisibilityChanged', typeof CatalogueVisibilityChangedV1>
  | EventOf<'ApiKeyIssued', typeof ApiKeyIssuedV2>
  | EventOf<'ApiKeyRevoked', typeof ApiKeyRevokedV1>

export const identityEvents = {
  TenantCreated: firstVersion(TenantCreatedV1),
  CatalogueVisibilityChanged: firstVersion(CatalogueVisibilityChangedV1),
  ApiKeyIssued: { versions: [ApiKeyIssuedV1, ApiKeyIssuedV2], upcasters: [(data) => data] },
  ApiKeyRevoked: firstVersion(ApiKeyRevokedV1),
} satisfies ContextEvents
