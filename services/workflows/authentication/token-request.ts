import {
  type AuthorizationServer,
  allowInsecureRequests,
  customFetch,
  discoveryRequest,
  genericTokenEndpointRequest,
  OperationProcessingError,
  processDiscoveryResponse,
  processGenericTokenEndpointResponse,
  type TokenEndpointResponse,
  UnsupportedOperationError,
} from 'oauth4webapi'
import { Value } from 'typebox/value'
import { type OauthProperties, oauthProperties } from '../../../domain/workflows/document-parts.ts'
import { oauthFault } from '../../../domain/workflows/oauth-policy.ts'
import { OutgoingCallError } from '../../ports/outgoing-call.ts'
import { CallFault } from '../calls/call.ts'
import { clientAuthenticationOf } from './client-authentication.ts'
import type { Policy } from './policy.ts'
import { noToken, type Send, tokenFetch } from './token-fetch.ts'

// Tokens of `oauth2` (RFC 6749, RFC 8693) and `oidc` (OpenID Connect Discovery 1.0).

export type Token = { readonly value: string; readonly lifetimeMs: number }

const WELL_KNOWN = '/.well-known/openid-configuration'
/** Where the authority does not say it. */
const DEFAULT_LIFETIME_S = 300
const MAX_LIFETIME_S = 86_400

/** @throws {CallFault} where there is none, or something may not be sent where it would have to be. */
export async function requestToken(policy: Policy, send: Send): Promise<Token> {
  const members = propertiesOf(policy)
  const { client = {}, grant = '', issuers = [] } = members
  const authentication = clientAuthenticationOf(client)
  const identified = { client_id: client.id ?? 'nobody' }
  try {
    const server = await serverOf(policy, members, send)
    const response = await genericTokenEndpointRequest(
      ...([server, identified, authentication, grant, parametersOf(members)] as const),
      optionsOf(policy, members, send),
    )
    return tokenIn(await processGenericTokenEndpointResponse(server, identified, response), issuers)
  } catch (error) {
    if (error instanceof OutgoingCallError) throw noToken(error.message)
    if (error instanceof URIError)
      throw new CallFault('configuration', 'The secret is not well-formed text.')
    if (isOfTheAnswer(error)) throw noToken('Its answer cannot be used.')
    throw error
  }
}

/** A TypeError is of an address in it that is none. */
function isOfTheAnswer(error: unknown): boolean {
  return (
    error instanceof OperationProcessingError ||
    error instanceof UnsupportedOperationError ||
    error instanceof TypeError
  )
}

/** The policy may be all in a secret, which nobody has checked. */
function propertiesOf({ members }: Policy): OauthProperties {
  if (!Value.Check(oauthProperties, members))
    throw new CallFault('configuration', 'The secret is not what the scheme needs.')
  const fault = oauthFault(members)
  if (fault !== undefined)
    throw new CallFault(
      'configuration',
      `The policy cannot be used: ${fault.pointer} ${fault.detail}.`,
    )
  if (URL.canParse(members.authority ?? '')) return members
  throw new CallFault('configuration', 'The authority is not an address.')
}

function optionsOf(policy: Policy, { request }: OauthProperties, send: Send) {
  // The addresses that may be called are for the operator to say, and for whoever stored the secret.
  return {
    [customFetch]: tokenFetch(policy, request?.encoding, send),
    [allowInsecureRequests]: true,
  }
}

async function serverOf(
  policy: Policy,
  members: OauthProperties,
  send: Send,
): Promise<AuthorizationServer> {
  const { authority = '', endpoints } = members
  if (policy.scheme === 'oidc') {
    const issuer = new URL(
      authority.endsWith(WELL_KNOWN) ? authority.slice(0, -WELL_KNOWN.length) : authority,
    )
    const response = await discoveryRequest(issuer, optionsOf(policy, members, send))
    return await processDiscoveryResponse(issuer, response)
  }
  const path = endpoints?.token ?? '/oauth2/token'
  const address = `${authority.replace(/\/$/, '')}/${path.replace(/^\//, '')}`
  // RFC 7523, section 3: signed assertions may be for the endpoint, where the issuer's name is not known.
  return { issuer: address, token_endpoint: address }
}

function parametersOf(members: OauthProperties): URLSearchParams {
  const { grant, scopes = [], audiences = [], username = '', password = '' } = members
  const { subject, actor } = members
  const parameters = new URLSearchParams()
  if (scopes.length > 0) parameters.set('scope', scopes.join(' '))
  for (const audience of audiences) parameters.append('audience', audience)
  if (grant === 'password') {
    parameters.set('username', username)
    parameters.set('password', password)
  }
  if (grant === 'refresh_token') parameters.set('refresh_token', subject?.token ?? '')
  if (grant === 'urn:ietf:params:oauth:grant-type:token-exchange')
    for (const [name, given] of Object.entries({ subject, actor }))
      if (given !== undefined) {
        parameters.set(`${name}_token`, given.token)
        parameters.set(`${name}_token_type`, given.type)
      }
  return parameters
}

function tokenIn(answer: TokenEndpointResponse, issuers: readonly string[]): Token {
  const { access_token: value, token_type: type, expires_in: seconds } = answer
  if (type !== 'bearer' || !/^[\x21-\x7e]+$/.test(value))
    throw noToken('Its answer cannot be used.')
  if (issuers.length > 0 && !issuers.includes(issuerIn(value) ?? ''))
    throw noToken('The issuer that its token names is not one of those that the policy has.')
  return { value, lifetimeMs: Math.min(seconds ?? DEFAULT_LIFETIME_S, MAX_LIFETIME_S) * 1_000 }
}

/** It came from the authority itself: its signature says nothing more. */
function issuerIn(token: string): string | undefined {
  const [, payload = '', signature] = token.split('.')
  if (signature === undefined) return undefined
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'))
    const { iss } = (claims ?? {}) as { readonly iss?: unknown }
    return typeof iss === 'string' ? iss : undefined
  } catch {
    return undefined
  }
}
