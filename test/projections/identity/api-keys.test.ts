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
        subject_id: null,
        name: 'ci',
        owner: null,
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

t.test('of a person who was erased, all keys lose what says who it was', async (t) => {
  const fold = createPlainFold(apiKeys.keys)
  const subjectId = '5f0c2a66-7d3e-4b6e-9d57-3c0a2f5f0b11'
  const other = '5f0c2a66-7d3e-4b6e-9d57-3c0a2f5f0b12'
  const issue = (keyId: string, subjectId: string) => {
    const data = { ...issued.data, keyId, subjectId, owner: 'Ann', scopes: [...issued.data.scopes] }
    fold.apply(apiKeys.changes.ApiKeyIssued?.({ ...issued, data }, eventMeta()) ?? [])
  }
  issue('a1', subjectId)
  issue('a2', subjectId)
  issue('a3', other)
  const erased = {
    type: 'SubjectErased',
    data: { subjectId, erasedAt: '2026-01-02T00:00:00.000Z' },
  } as const
  fold.apply(apiKeys.changes.SubjectErased?.(erased, eventMeta({ tenantId: 'beta' })) ?? [])
  const owners = () => [...(fold.tables.get('api_keys')?.values() ?? [])].map(({ owner }) => owner)
  t.same(owners(), ['Ann', 'Ann', 'Ann'], 'another tenant has another person under this id')
  fold.apply(apiKeys.changes.SubjectErased?.(erased, eventMeta()) ?? [])
  t.same(owners(), ['[erased]', '[erased]', 'Ann'])
})
