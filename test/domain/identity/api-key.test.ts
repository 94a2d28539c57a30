import fc from 'fast-check'
import t from 'tap'
import { type ApiKeyCommand, type ApiKeyEvent, apiKey } from '../../../domain/identity/api-key.ts'
import { SCOPES } from '../../../domain/identity/scopes.ts'
import { accept } from '../../../domain/kernel/decider.ts'
import { given } from '../../support/given.ts'

const history = given(apiKey)
const keyId = '00112233445566aa'
const secretHash = 'ab'.repeat(32)
const subjectId = '5f0c2a66-7d3e-4b6e-9d57-3c0a2f5f0b11'
const now = '2026-01-02T03:04:05.000Z'

type Issue = Extract<ApiKeyCommand, { readonly type: 'IssueApiKey' }>

const issue = (given: Partial<Issue> = {}): Issue => ({
  type: 'IssueApiKey',
  keyId,
  subjectId,
  name: 'ci',
  scopes: ['catalogue:read'],
  secretHash,
  heldScopes: SCOPES,
  now,
  ...given,
})
const issued: ApiKeyEvent = {
  type: 'ApiKeyIssued',
  data: { keyId, subjectId, name: 'ci', scopes: ['catalogue:read'], secretHash, issuedAt: now },
}
const revoke = { type: 'RevokeApiKey', now } as const
const revoked: ApiKeyEvent = { type: 'ApiKeyRevoked', data: { keyId, revokedAt: now } }

t.test('issuing records what the key may do, and only the hash of its secret', async (t) => {
  t.same(history().when(issue()), accept(issued))
})

t.test('the same issue again records nothing, another key under the id is refused', async (t) => {
  t.same(history(issued).when(issue()), accept())
  t.match(history(issued).when(issue({ secretHash: 'cd'.repeat(32) })), {
    rejection: { kind: 'conflict', code: 'key-exists' },
  })
  t.match(history(issued, revoked).when(issue()), { rejection: { code: 'key-exists' } })
})

t.test('a key without scopes, or expired from the start, is refused', async (t) => {
  t.match(history().when(issue({ scopes: [] })), { rejection: { code: 'no-scopes' } })
  for (const expiresAt of [now, '2026-01-02T03:04:04.999Z', 'whenever'])
    t.match(history().when(issue({ expiresAt })), {
      rejection: { kind: 'invalid', code: 'expires-in-the-past' },
    })
  t.match(history().when(issue({ expiresAt: '2026-01-02T05:04:05+02:00' })), {
    rejection: { code: 'expires-in-the-past' },
  })
})

t.test('an expiry is kept as an instant in UTC', async (t) => {
  t.match(history().when(issue({ expiresAt: '2027-01-01T01:00:00+01:00' })), {
    events: [{ data: { expiresAt: '2027-01-01T00:00:00.000Z' } }],
  })
})

t.test('no key ever grants a scope that its issuer lacks', async () => {
  const some = fc.subarray([...SCOPES])
  fc.assert(
    fc.property(some, some, (scopes, heldScopes) => {
      const decision = history().when(issue({ scopes, heldScopes }))
      const allowed = scopes.length > 0 && scopes.every((scope) => heldScopes.includes(scope))
      if (decision.outcome === 'rejected') return !allowed
      const [event] = decision.events
      return allowed && event?.type === 'ApiKeyIssued' && event.data.scopes.length === scopes.length
    }),
  )
})

t.test('revoking holds for good, and once', async (t) => {
  t.same(history(issued).when(revoke), accept(revoked))
  t.same(history(issued, revoked).when(revoke), accept())
  t.match(history().when(revoke), { rejection: { kind: 'not-found', code: 'key-unknown' } })
})
