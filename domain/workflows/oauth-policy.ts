import { within } from '../kernel/pointer.ts'
import type { Fault } from './checks/fault.ts'
import type { OauthProperties } from './document-parts.ts'

// What a token can be asked for with, without a person who agrees in a browser: RFC 6749 (client
// credentials, password, refresh) and RFC 8693 (token exchange).

const REFRESH_TOKEN_TYPE = 'urn:ietf:params:oauth:token-type:refresh_token'

/** @returns what keeps anybody from getting a token with it, if anything; its pointer begins at the members. */
export function oauthFault(members: OauthProperties): Fault | undefined {
  return authorityFault(members) ?? grantFault(members) ?? clientFault(members)
}

function authorityFault({ authority, endpoints }: OauthProperties): Fault | undefined {
  if (authority === undefined) return missing('authority')
  if (!/^https?:\/\/[^\s{}?#@]+$/.test(authority))
    return fault('must be an http or https address without templates', 'authority')
  const path = endpoints?.token
  if (path === undefined || /^\/?[^\s{}?#/:]+(?:\/[^\s{}?#/:]+)*\/?$/.test(path)) return undefined
  return fault('must be a path below the authority', 'endpoints', 'token')
}

function grantFault(members: OauthProperties): Fault | undefined {
  const { grant, username, password, subject } = members
  if (grant === undefined) return missing('grant')
  switch (grant) {
    case 'authorization_code':
      return fault('authorization_code takes a person; the other grants do not', 'grant')
    case 'client_credentials':
      return undefined
    case 'password':
      if (username === undefined) return missing('username')
      return password === undefined ? missing('password') : undefined
    case 'refresh_token':
      if (subject?.type === REFRESH_TOKEN_TYPE) return undefined
      return fault(`must be the refresh token, of the type ${REFRESH_TOKEN_TYPE}`, 'subject')
    case 'urn:ietf:params:oauth:grant-type:token-exchange':
      return subject === undefined ? missing('subject') : undefined
  }
}

function clientFault({ client = {} }: OauthProperties): Fault | undefined {
  const { authentication, id, secret, assertion } = client
  if (authentication === 'none') return undefined
  if (isEmpty(id)) return missing('client', 'id')
  if (!isEmpty(secret)) return undefined
  if (authentication !== 'private_key_jwt') return missing('client', 'secret')
  return isEmpty(assertion) ? missing('client', 'assertion') : undefined
}

function isEmpty(text: string | undefined): boolean {
  return text === undefined || text === ''
}

function missing(...path: readonly string[]): Fault {
  return fault(`the member "${path.at(-1)}" is missing`, ...path.slice(0, -1))
}

function fault(detail: string, ...path: readonly string[]): Fault {
  return { pointer: within('', ...path), detail }
}
