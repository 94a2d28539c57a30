import {
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
} from '../../../domain/kernel/json.ts'
import {
  type Credentials,
  isCredential,
  secretReferenceIn,
  textsIn,
} from '../../../domain/workflows/credentials.ts'
import { isShallow } from '../calls/answer.ts'
import { CallFault } from '../calls/call.ts'
import type { SecretInUse, WorkflowSecrets } from '../secrets.ts'

/** What a call authenticates with, the values of secrets in place. It is in memory only, while the call is made. */
export type Policy = {
  readonly scheme: Credentials['scheme']
  /** As the language has them for the scheme. */
  readonly members: JsonObject
  /** What nobody may see. */
  readonly hidden: readonly string[]
  /** @throws {CallFault} where one of its secrets, or what follows from it, may not be sent. */
  readonly requireOrigin: (url: string) => void
}

/** @throws {CallFault} where a secret is not there, or is not what the scheme needs. */
export async function policyOf(
  secrets: Pick<WorkflowSecrets, 'inUse'>,
  tenantId: string,
  credentials: Credentials,
): Promise<Policy> {
  const { scheme } = credentials
  const used = await secrets.inUse(tenantId, namesIn(credentials))
  const requireOrigin = (url: string) => requireOriginOf(used, url)
  if ('members' in credentials) {
    const members = filled(credentials.members, used) as JsonObject
    const references = [...textsIn(credentials.members)].filter(([, text]) =>
      secretReferenceIn(text),
    )
    return {
      scheme,
      members,
      requireOrigin,
      hidden: references.map(([, text]) => valueAt(text, used)),
    }
  }
  const value = used[0]?.value ?? ''
  const members = membersIn(credentials, value)
  const credentialsInIt = [...textsIn(members)].filter(([path]) => isCredential(path))
  return {
    scheme,
    members,
    requireOrigin,
    hidden: [value, ...credentialsInIt.map(([, text]) => text)],
  }
}

function namesIn(credentials: Credentials): readonly string[] {
  if ('secret' in credentials) return [credentials.secret]
  const names = [...textsIn(credentials.members)].flatMap(
    ([, text]) => secretReferenceIn(text)?.secret ?? [],
  )
  return [...new Set(names)]
}

function requireOriginOf(used: readonly SecretInUse[], url: string): void {
  const { origin } = new URL(url)
  const wrong = used.find(({ origins }) => !origins.includes(origin))
  if (wrong === undefined) return
  throw new CallFault('authorization', `The secret "${wrong.name}" is not for this address.`)
}

/** A whole policy in one secret: what the language has for the scheme, as JSON, or as short as it can be. */
function membersIn(
  { scheme, secret }: Extract<Credentials, { secret: string }>,
  value: string,
): JsonObject {
  const object = objectIn(value)
  if (object !== undefined) return object
  const colon = value.indexOf(':')
  switch (scheme) {
    case 'bearer':
      return { token: value }
    case 'basic':
    case 'digest':
      return {
        username: colon < 0 ? value : value.slice(0, colon),
        password: value.slice(colon + 1),
      }
    case 'oauth2':
    case 'oidc':
      throw new CallFault('configuration', `The secret "${secret}" is not a JSON object.`)
  }
}

function filled(value: Json, used: readonly SecretInUse[]): Json {
  if (typeof value === 'string')
    return secretReferenceIn(value) === undefined ? value : valueAt(value, used)
  if (isJsonArray(value)) return value.map((each) => filled(each, used))
  if (!isJsonObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, filled(each, used)]))
}

function valueAt(text: string, used: readonly SecretInUse[]): string {
  const { secret, member } = secretReferenceIn(text) ?? {}
  const value = used.find(({ name }) => name === secret)?.value ?? ''
  if (member === undefined) return value
  const object = objectIn(value) ?? {}
  const found = Object.hasOwn(object, member) ? object[member] : undefined
  if (typeof found === 'string') return found
  throw new CallFault('configuration', `The secret "${secret}" has no text "${member}" in it.`)
}

export function objectIn(value: string): JsonObject | undefined {
  try {
    const parsed = JSON.parse(value) as Json
    return isJsonObject(parsed) && isShallow(parsed) ? parsed : undefined
  } catch {
    return undefined
  }
}
