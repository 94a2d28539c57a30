import { accept, type Decider, type Decision, reject } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { IdentityEvent } from './events.ts'
import type { Scope } from './scopes.ts'

/** One API key of a tenant. Only the keyed hash of its secret is ever here. */
export function apiKeyStream(tenantId: string, keyId: string): string {
  return streamName('apikey', tenantId, keyId)
}

type IssueApiKey = {
  readonly type: 'IssueApiKey'
  readonly keyId: string
  /** The person whose data `name` and `owner` are. */
  readonly subjectId: string
  readonly name: string
  readonly owner?: string | undefined
  readonly scopes: readonly Scope[]
  readonly secretHash: string
  /** ISO-8601 instant from which on the key is refused; undefined = it does not expire. */
  readonly expiresAt?: string | undefined
  /** What the issuer may do: a key never grants more than its issuer has. */
  readonly heldScopes: readonly Scope[]
  readonly now: string
}

export type ApiKeyCommand = IssueApiKey | { readonly type: 'RevokeApiKey'; readonly now: string }

export type ApiKeyRejection =
  | 'key-unknown'
  | 'key-exists'
  | 'scope-not-held'
  | 'no-scopes'
  | 'expires-in-the-past'

export type ApiKeyState =
  | { readonly status: 'absent' }
  | { readonly status: 'issued'; readonly keyId: string; readonly secretHash: string }
  | { readonly status: 'revoked'; readonly keyId: string }

export type ApiKeyEvent = Extract<IdentityEvent, { type: 'ApiKeyIssued' | 'ApiKeyRevoked' }>

export const apiKey: Decider<ApiKeyState, ApiKeyCommand, ApiKeyEvent, ApiKeyRejection> = {
  initial: { status: 'absent' },

  decide(state, command) {
    switch (command.type) {
      case 'IssueApiKey':
        return issue(state, command)
      case 'RevokeApiKey':
        switch (state.status) {
          case 'absent':
            return reject('not-found', 'key-unknown', 'There is no API key with this id.')
          case 'revoked':
            return accept()
          case 'issued':
            return accept({
              type: 'ApiKeyRevoked',
              data: { keyId: state.keyId, revokedAt: command.now },
            })
        }
    }
  },

  evolve(_state, event) {
    switch (event.type) {
      case 'ApiKeyIssued':
        return { status: 'issued', keyId: event.data.keyId, secretHash: event.data.secretHash }
      case 'ApiKeyRevoked':
        return { status: 'revoked', keyId: event.data.keyId }
    }
  },
}

function issue(
  state: ApiKeyState,
  { keyId, subjectId, name, owner, scopes, secretHash, expiresAt, heldScopes, now }: IssueApiKey,
): Decision<ApiKeyEvent, ApiKeyRejection> {
  if (state.status === 'issued' && state.secretHash === secretHash) return accept()
  if (state.status !== 'absent')
    return reject('conflict', 'key-exists', 'There is another API key with this id.')
  if (scopes.length === 0) return reject('invalid', 'no-scopes', 'A key needs at least one scope.')
  const missing = scopes.find((scope) => !heldScopes.includes(scope))
  if (missing !== undefined)
    return reject('forbidden', 'scope-not-held', `Only a key with "${missing}" can grant it.`)
  if (expiresAt !== undefined && !(Date.parse(expiresAt) > Date.parse(now)))
    return reject('invalid', 'expires-in-the-past', 'The key would be expired from the start.')
  return accept({
    type: 'ApiKeyIssued',
    data: {
      keyId,
      subjectId,
      name,
      ...(owner === undefined ? {} : { owner }),
      scopes: [...new Set(scopes)],
      secretHash,
      ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
      issuedAt: now,
    },
  })
}
