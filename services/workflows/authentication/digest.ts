import { createHash, randomBytes } from 'node:crypto'

// HTTP Digest (RFC 7616), with SHA-256 or MD5 and the quality of protection `auth`, or the one of RFC
// 2069, which has none. Each call answers a challenge of its own, so that `nc` is always the first.

const HASHES = new Map([
  ['sha-256', 'sha256'],
  ['md5', 'md5'],
])
const NONCE_COUNT = '00000001'

export type DigestUser = { readonly username: string; readonly password: string }

type Challenge = { readonly scheme: string; readonly parameters: ReadonlyMap<string, string> }

/**
 * The header `authorization` that answers the first challenge that can be answered.
 *
 * @param challenges the header `www-authenticate`.
 * @param uri path and query, as they are sent.
 * @returns undefined if there is none.
 */
export function digestAuthorization(
  user: DigestUser,
  { method, uri }: { readonly method: string; readonly uri: string },
  challenges: string,
  clientNonce = randomBytes(16).toString('hex'),
): string | undefined {
  const known = challengesIn(challenges).find(isKnown)
  if (known === undefined) return undefined
  const { realm, nonce, algorithm, hash, isSession, hasQuality, opaque, isHashedName } =
    termsOf(known)
  const secret = hash(`${user.username}:${realm}:${user.password}`)
  const a1 = isSession ? hash(`${secret}:${nonce}:${clientNonce}`) : secret
  const quality = hasQuality ? `${NONCE_COUNT}:${clientNonce}:auth:` : ''
  const response = hash(`${a1}:${nonce}:${quality}${hash(`${method}:${uri}`)}`)
  const parameters = [
    isHashedName ? `username=${quoted(hash(`${user.username}:${realm}`))}` : nameOf(user.username),
    ...[`realm=${quoted(realm)}`, `nonce=${quoted(nonce)}`, `uri=${quoted(uri)}`],
    ...(algorithm === undefined ? [] : [`algorithm=${algorithm}`]),
    `response=${quoted(response)}`,
    ...(opaque === undefined ? [] : [`opaque=${quoted(opaque)}`]),
    ...(hasQuality ? ['qop=auth', `nc=${NONCE_COUNT}`, `cnonce=${quoted(clientNonce)}`] : []),
    ...(isHashedName ? ['userhash=true'] : []),
  ]
  return `Digest ${parameters.join(', ')}`
}

function isKnown({ scheme, parameters }: Challenge): boolean {
  if (scheme !== 'digest' || !parameters.has('realm') || !parameters.has('nonce')) return false
  const qualities = parameters
    .get('qop')
    ?.split(',')
    .map((each) => each.trim().toLowerCase())
  return HASHES.has(hashNameIn(parameters)) && (qualities?.includes('auth') ?? true)
}

function termsOf({ parameters }: Challenge) {
  const name = HASHES.get(hashNameIn(parameters)) ?? 'md5'
  const algorithm = parameters.get('algorithm')
  return {
    ...{ realm: parameters.get('realm') ?? '', nonce: parameters.get('nonce') ?? '' },
    ...{ algorithm, opaque: parameters.get('opaque') },
    hash: (text: string) => createHash(name).update(text, 'utf8').digest('hex'),
    isSession: /-sess$/i.test(algorithm ?? ''),
    hasQuality: parameters.has('qop'),
    isHashedName: parameters.get('userhash')?.toLowerCase() === 'true',
  }
}

function hashNameIn(parameters: Challenge['parameters']): string {
  return (parameters.get('algorithm') ?? 'MD5').toLowerCase().replace(/-sess$/, '')
}

function quoted(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`
}

/** RFC 8187 for what a quoted string has no room for. */
function nameOf(username: string): string {
  if (/^[\x20-\x7e]*$/.test(username)) return `username=${quoted(username)}`
  const escaped = encodeURIComponent(Buffer.from(username).toString()).replace(
    /['()*]/g,
    (each) => `%${each.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `username*=UTF-8''${escaped}`
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
/** A parameter of a challenge, the name of the next scheme, or one character of anything else. */
const PART = new RegExp(`(${TOKEN})(?:\\s*=\\s*(?:"((?:[^"\\\\]|\\\\.)*)"|(${TOKEN})))?|[^]`, 'g')

/** Of RFC 9110, 11.6.1: several challenges may stand in one header, each with parameters. */
function challengesIn(header: string): readonly Challenge[] {
  const found: { scheme: string; parameters: Map<string, string> }[] = []
  for (const [, name, text, token] of header.matchAll(PART)) {
    if (name === undefined) continue
    const value = text?.replace(/\\(.)/g, '$1') ?? token
    if (value === undefined) found.push({ scheme: name.toLowerCase(), parameters: new Map() })
    else found.at(-1)?.parameters.set(name.toLowerCase(), value)
  }
  return found
}
