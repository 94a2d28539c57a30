import t from 'tap'
import { apiKeys } from '../../../projections/identity/api-keys.ts'
import { createPlainFold } from '../../../projections/kernel/plain-fold.ts'
import { eventMeta } from '../../support/event-meta.ts'

const issued = {
  type: 'ApiKeyIssued',
  data: {
    keyId: 'a1',
    name: 'ci',
    scopes: ['catalogue:read' as const],
    secretHash: 'ff',
    issuedAt: '2026-01-01T00:00:00.000Z',
  },
} as const
const revoked = {
  type: 'ApiKeyRevoked',
  data: { keyId: 'a1', revokedAt: '2026-01-02T00:00:00.000Z' },
} as const

t.test('a key is there with who issued it, and stays there when it is revoked', async (t) => {
  const fold = createPlainFold(apiKeys.keys)
  const data = { ...issued.data, scopes: [...issued.data.scopes] }
  fold.apply(apiKeys.changes.ApiKeyIssued?.({ ...issued, data }, eventMeta()) ?? [])
  fold.apply(apiKeys.changes.ApiKeyRevoked?.(revoked, eventMeta()) ?? [])
  t.same(
    [...(fold.tables.get('api_keys')?.values() ?? [])],
    [
      {
        tenant_id: 'acme',
        key_id: 'a1',
        name: 'ci',
        scopes: ['catalogue:read'],
        secret_hash: 'ff',
        issued_by: 'key:test',
        issued_at: new Date('2026-01-01T00:00:00.000Z'),
        expires_at: null,
        revoked_at: new Date('2026-01-02T00:00:00.000Z'),
      },
    ],
  )
})
