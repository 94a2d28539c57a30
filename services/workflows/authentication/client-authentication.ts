import { createPrivateKey, type KeyObject } from 'node:crypto'
import {
  type ClientAuth,
  ClientSecretBasic,
  ClientSecretJwt,
  ClientSecretPost,
  None,
  PrivateKeyJwt,
} from 'oauth4webapi'
import type { OauthProperties } from '../../../domain/workflows/document-parts.ts'
import { CallFault } from '../calls/call.ts'

const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const MIN_RSA_BITS = 2_048
const CURVES = new Map([
  ['prime256v1', 'P-256'],
  ['secp384r1', 'P-384'],
  ['secp521r1', 'P-521'],
])

/** How the client says who it is: RFC 6749, 2.3 and RFC 7523. */
export function clientAuthenticationOf({
  authentication = 'client_secret_post',
  id,
  secret = '',
  assertion,
}: NonNullable<OauthProperties['client']>): ClientAuth {
  switch (authentication) {
    case 'client_secret_basic':
      return ClientSecretBasic(secret)
    case 'client_secret_post':
      return ClientSecretPost(secret)
    case 'client_secret_jwt':
      return ClientSecretJwt(secret)
    case 'private_key_jwt':
      return assertion === undefined ? signedWith(secret) : asserted(assertion)
    case 'none':
      return id === undefined ? () => {} : None()
  }
}

/** With an assertion that was signed elsewhere. */
function asserted(assertion: string): ClientAuth {
  return (_server, { client_id: id }, body) => {
    body.set('client_id', id)
    body.set('client_assertion_type', ASSERTION_TYPE)
    body.set('client_assertion', assertion)
  }
}

/** @param pem a private key in PKCS #8, or as OpenSSL writes RSA and EC keys. */
function signedWith(pem: string): ClientAuth {
  const key = privateKeyIn(pem)
  return async (...request) => {
    const der = key.export({ type: 'pkcs8', format: 'der' })
    const imported = await crypto.subtle.importKey('pkcs8', der, algorithmOf(key), false, ['sign'])
    await PrivateKeyJwt(imported)(...request)
  }
}

function privateKeyIn(pem: string): KeyObject {
  try {
    const key = createPrivateKey(pem)
    algorithmOf(key)
    return key
  } catch {
    const detail =
      'The secret of the client is not a private key in PEM (RSA from 2048 bits, EC or Ed25519).'
    throw new CallFault('configuration', detail)
  }
}

function algorithmOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject) {
  const { modulusLength = 0, namedCurve = '' } = details ?? {}
  const curve = CURVES.get(namedCurve)
  if (type === 'ed25519') return { name: 'Ed25519' }
  if (type === 'ec' && curve !== undefined) return { name: 'ECDSA', namedCurve: curve }
  if (type === 'rsa' && modulusLength >= MIN_RSA_BITS)
    return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }
  throw new RangeError('It is a key of another kind.')
}
