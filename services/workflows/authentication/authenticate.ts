import { isJsonObject, type Json } from '../../../domain/kernel/json.ts'
import type { Credentials } from '../../../domain/workflows/credentials.ts'
import { sha256 } from '../../kernel/canonical-json.ts'
import type { OutgoingAnswer, OutgoingRequest } from '../../ports/outgoing-call.ts'
import { CallFault } from '../calls/call.ts'
import type { WorkflowSecrets } from '../secrets.ts'
import { digestAuthorization } from './digest.ts'
import { without } from './hidden.ts'
import { type Policy, policyOf } from './policy.ts'
import type { Send } from './token-fetch.ts'
import { requestToken } from './token-request.ts'
import { Tokens } from './tokens.ts'

/** Sends a request with what it authenticates with; the answer does not repeat it. */
export type Authenticate = (
  tenantId: string,
  authentication: Json | undefined,
  request: OutgoingRequest,
  send: Send,
) => Promise<OutgoingAnswer>

const UNAUTHORIZED = 401

/** Secrets are read for each call: one that was changed or removed is used no more. */
export function createAuthenticate(
  secrets: Pick<WorkflowSecrets, 'inUse'>,
  now: () => Date,
): Authenticate {
  const tokens = new Tokens(now)
  return async (tenantId, authentication, request, send) => {
    if (!isJsonObject(authentication ?? null)) return await send(request)
    const policy = await policyOf(secrets, tenantId, authentication as Credentials)
    policy.requireOrigin(request.url)
    switch (policy.scheme) {
      case 'basic':
        return await withBasic(policy, request, send)
      case 'bearer':
        return await withBearer(textIn(policy, 'token'), policy, request, send)
      case 'digest':
        return await withDigest(policy, request, send)
      case 'oauth2':
      case 'oidc':
        return await withToken(tokens, tenantId, policy, request, send)
    }
  }
}

async function withBasic(policy: Policy, request: OutgoingRequest, send: Send) {
  const user = `${textIn(policy, 'username')}:${textIn(policy, 'password')}`
  const encoded = Buffer.from(user).toString('base64')
  const answer = await send(authorized(request, `Basic ${encoded}`))
  return without([encoded, user, ...policy.hidden], answer)
}

async function withBearer(token: string, policy: Policy, request: OutgoingRequest, send: Send) {
  return without([token, ...policy.hidden], await send(authorized(request, `Bearer ${token}`)))
}

/** Asked without it first: what to answer is in the other side's challenge. */
async function withDigest(policy: Policy, request: OutgoingRequest, send: Send) {
  const user = { username: textIn(policy, 'username'), password: textIn(policy, 'password') }
  const first = await send(request)
  if (first.status !== UNAUTHORIZED) return without(policy.hidden, first)
  const { pathname, search } = new URL(request.url)
  const asked = { method: request.method, uri: `${pathname}${search}` }
  const authorization = digestAuthorization(user, asked, first.headers['www-authenticate'] ?? '')
  if (authorization === undefined)
    throw new CallFault('authentication', 'The other side offers no digest with SHA-256 or MD5.')
  return without(policy.hidden, await send(authorized(request, authorization)))
}

/** A token that is refused although it should be valid is renewed once. */
async function withToken(
  tokens: Tokens,
  tenantId: string,
  policy: Policy,
  request: OutgoingRequest,
  send: Send,
) {
  const { scheme, members } = policy
  // The secrets are in it: another value is another token.
  const key = sha256(JSON.stringify([tenantId, scheme, members]))
  const attempt = async () => {
    const { value, isNew } = await tokens.get(key, () => requestToken(policy, send))
    const answer = await withBearer(value, policy, request, send)
    if (answer.status === UNAUTHORIZED) tokens.forget(key, value)
    return { answer, isNew }
  }
  const { answer, isNew } = await attempt()
  return answer.status === UNAUTHORIZED && !isNew ? (await attempt()).answer : answer
}

function authorized(request: OutgoingRequest, authorization: string): OutgoingRequest {
  return { ...request, headers: { ...request.headers, authorization } }
}

function textIn({ members }: Policy, member: string): string {
  const value = members[member]
  if (typeof value === 'string') return value
  throw new CallFault('configuration', `The secret has no text "${member}" in it.`)
}
