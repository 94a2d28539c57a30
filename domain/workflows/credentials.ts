import type { Json, JsonObject } from '../kernel/json.ts'
import { within } from '../kernel/pointer.ts'
import type { Fault } from './checks/fault.ts'
import type { WorkflowDocument } from './document.ts'
import type { OauthProperties } from './document-parts.ts'
import { isCall, type Task } from './document-tasks.ts'
import { oauthFault } from './oauth-policy.ts'

const SCHEMES = ['basic', 'bearer', 'digest', 'oauth2', 'oidc'] as const
type Scheme = (typeof SCHEMES)[number]

/** What a call authenticates with: names of secrets, never their values. It becomes a part of the run's events. */
export type Credentials =
  | { readonly scheme: Scheme; readonly secret: string }
  /** As the document has them, with references to secrets in the place of credentials. */
  | { readonly scheme: Scheme; readonly members: JsonObject }

type Authentication = NonNullable<NonNullable<WorkflowDocument['use']>['authentications']>[string]
type Given = Authentication | { readonly use: string }

/** The member `authentication` of a call, where there is one. */
export function authenticationOf(task: Task): Given | undefined {
  if (isCall(task, 'openapi')) return task.with.authentication
  if (!isCall(task, 'http')) return undefined
  const { endpoint } = task.with
  return typeof endpoint === 'object' ? endpoint.authentication : undefined
}

/** What a call has under `with` but for its authentication, of which no expression makes anything. */
export function withoutAuthentication(task: Task): unknown {
  if (isCall(task, 'openapi')) {
    const { authentication: _, ...others } = task.with
    return others
  }
  if (isCall(task, 'http') && typeof task.with.endpoint === 'object')
    return { ...task.with, endpoint: { uri: task.with.endpoint.uri } }
  return 'with' in task ? task.with : undefined
}

const BY_SECRET = 'credentials are named, with { use: <secret> } or ${ $secrets.<secret> }'

/**
 * As the document has them: no data of a run chooses a secret.
 *
 * @returns where there are none the reason; its pointer begins at the authentication.
 */
export function credentialsIn({ use = {} }: WorkflowDocument, given: Given): Credentials | Fault {
  const policy = 'use' in given ? use.authentications?.[given.use] : given
  const scheme = SCHEMES.find((each) => policy !== undefined && each in policy)
  if (scheme === undefined)
    return { pointer: '', detail: 'use.authentications has none of this name' }
  const members = (policy as Readonly<Record<Scheme, JsonObject>>)[scheme]
  const secrets: ReadonlySet<string> = new Set(use.secrets)
  if (typeof members.use !== 'string')
    return inlineFault(scheme, members, secrets) ?? { scheme, members }
  if (secrets.has(members.use)) return { scheme, secret: members.use }
  return { pointer: within('', scheme, 'use'), detail: missing(members.use) }
}

function inlineFault(
  scheme: Scheme,
  members: JsonObject,
  secrets: ReadonlySet<string>,
): Fault | undefined {
  const texts = [...textsIn(members)]
  for (const [path, text] of texts) {
    const detail = textFault(path, text, secrets)
    if (detail !== undefined) return { pointer: within('', scheme, ...path), detail }
  }
  if (!texts.some(([, text]) => secretReferenceIn(text) !== undefined))
    return { pointer: within('', scheme), detail: BY_SECRET }
  if (scheme !== 'oauth2' && scheme !== 'oidc') return undefined
  const fault = oauthFault(members as OauthProperties)
  return fault && { pointer: `${within('', scheme)}${fault.pointer}`, detail: fault.detail }
}

function textFault(path: readonly string[], text: string, secrets: ReadonlySet<string>) {
  const reference = secretReferenceIn(text)
  if (reference !== undefined)
    return secrets.has(reference.secret) ? undefined : missing(reference.secret)
  if (isCredential(path)) return BY_SECRET
  return text.includes('${') ? 'no expression chooses what a call authenticates with' : undefined
}

function missing(secret: string): string {
  return `use.secrets has no "${secret}"`
}

const CREDENTIALS = new Set([
  ...['password', 'token', 'client.secret', 'client.assertion'],
  ...['subject.token', 'actor.token'],
])

/** Whether what stands there lets whoever knows it in. */
export function isCredential(path: readonly string[]): boolean {
  return CREDENTIALS.has(path.join('.'))
}

export function* textsIn(
  value: Json,
  path: readonly string[] = [],
): Generator<readonly [path: readonly string[], text: string]> {
  if (typeof value === 'string') yield [path, value]
  else if (typeof value === 'object' && value !== null)
    for (const [member, each] of Object.entries(value)) yield* textsIn(each, [...path, member])
}

const REFERENCE =
  /^\s*\$\{\s*\$secrets\.([A-Za-z][A-Za-z0-9_-]*)(?:\.([A-Za-z][A-Za-z0-9_-]*))?\s*\}\s*$/

/** A secret, or a member of the JSON object that is its value. It is written like an expression and is none. */
export function secretReferenceIn(
  text: string,
): { readonly secret: string; readonly member: string | undefined } | undefined {
  const [, secret, member] = REFERENCE.exec(text) ?? []
  return secret === undefined ? undefined : { secret, member }
}
