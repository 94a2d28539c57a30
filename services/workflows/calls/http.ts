import { parseTemplate } from 'url-template'
import { isJsonArray, isJsonObject, type Json } from '../../../domain/kernel/json.ts'
import type { OutgoingCalls, OutgoingRequest } from '../../ports/outgoing-call.ts'
import type { Authenticate } from '../authentication/authenticate.ts'
import type { Call, CallContext } from '../perform.ts'
import { type AnswerForm, MAX_ANSWER_BYTES, outcomeOfAnswer } from './answer.ts'
import { CallFault, type CallMembers, outcomeOf } from './call.ts'

const JSON_TYPE = 'application/json'
const FORM_TYPE = 'application/x-www-form-urlencoded'

/** `call: http`. */
export function httpCall(outgoing: OutgoingCalls, authenticate: Authenticate): Call {
  return (members, context) =>
    outcomeOf(async () => {
      const { owner, signal } = context
      const request = requestOf(members, context)
      const send = (each: OutgoingRequest) => outgoing.call(each, signal)
      const answer = await authenticate(owner.tenantId, members.authentication, request, send)
      return outcomeOfAnswer(request, answer, answerFormOf(members))
    })
}

/** What `output` and `redirect` ask for. */
export function answerFormOf({ output, redirect }: CallMembers): AnswerForm {
  const form = output === 'raw' || output === 'response' ? output : 'content'
  return { output: form, takesRedirects: redirect === true }
}

/** What a member `endpoint` names, with the members of the input in its URI template (RFC 6570). */
export function addressOf(endpoint: Json | undefined, input: Json): URL {
  const uri = isJsonObject(endpoint ?? null) ? (endpoint as CallMembers).uri : endpoint
  if (isJsonObject(endpoint ?? null) && (endpoint as CallMembers).authentication !== undefined)
    throw new CallFault(
      'configuration',
      'Only the document can say what a call authenticates with.',
    )
  if (typeof uri !== 'string') throw new CallFault('configuration', 'The endpoint is not a URI.')
  const address = expanded(uri, isJsonObject(input) ? input : {})
  refuseDots(address.replace(/[?#].*$/s, ''))
  if (!URL.canParse(address)) throw new CallFault('configuration', 'The endpoint is not a URI.')
  return new URL(address)
}

/** What fills a template may not lead out of where the author put it. */
export function refuseDots(path: string): void {
  if (/(?:^|[\\/])(?:\.|%2e){1,2}(?:[\\/]|$)/i.test(path))
    throw new CallFault('validation', 'The address leads upwards, with ".." in its path.')
}

function expanded(template: string, values: CallMembers): string {
  try {
    return parseTemplate(template).expand(
      values as Parameters<ReturnType<typeof parseTemplate>['expand']>[0],
    )
  } catch {
    throw new CallFault('configuration', 'The endpoint is not a URI template.')
  }
}

function requestOf(members: CallMembers, { input, idempotencyKey }: CallContext): OutgoingRequest {
  const { method, endpoint, headers, query, body } = members
  if (typeof method !== 'string') throw new CallFault('configuration', 'The method is not text.')
  const url = addressOf(endpoint, input)
  for (const [name, value] of Object.entries(membersOf('query', query)))
    for (const each of isJsonArray(value) ? value : [value])
      if (each !== null) url.searchParams.append(name, textOf(each))
  const given = Object.entries(membersOf('headers', headers)).map(
    ([name, value]) => [headerName(name), textOf(value)] as const,
  )
  return composed(method.toUpperCase(), url, Object.fromEntries(given), body, idempotencyKey)
}

/** Headers that say how the message is carried are not the author's. */
const OWN_HEADERS = new Set([
  'host',
  'connection',
  'content-length',
  'transfer-encoding',
  'upgrade',
])

function headerName(name: string): string {
  const lower = name.toLowerCase()
  if (!OWN_HEADERS.has(lower)) return lower
  throw new CallFault('configuration', `The header "${lower}" cannot be set.`)
}

/** @param given headers, names in lower case. */
export function composed(
  method: string,
  url: URL,
  given: Readonly<Record<string, string>>,
  body: Json | undefined,
  idempotencyKey: string,
): OutgoingRequest {
  const isBodiless = method === 'GET' || method === 'HEAD' || body === undefined || body === null
  const type = given['content-type'] ?? (typeof body === 'string' ? 'text/plain' : JSON_TYPE)
  url.hash = ''
  return {
    method,
    url: url.href,
    headers: {
      accept: `${JSON_TYPE}, text/*;q=0.9, */*;q=0.1`,
      'user-agent': 'tidemark',
      ...given,
      ...(isBodiless ? {} : { 'content-type': type }),
      'idempotency-key': idempotencyKey,
    },
    body: isBodiless ? undefined : bodyText(body, type),
    maxBytes: MAX_ANSWER_BYTES,
  }
}

function bodyText(body: Json, type: string): string {
  if (typeof body === 'string' && !type.includes('json')) return body
  if (type.startsWith(FORM_TYPE) && isJsonObject(body))
    return new URLSearchParams(
      Object.entries(body).map(([name, value]): [string, string] => [name, textOf(value)]),
    ).toString()
  return JSON.stringify(body)
}

function membersOf(name: string, value: Json | undefined): CallMembers {
  if (value === undefined || value === null) return {}
  if (isJsonObject(value)) return value
  throw new CallFault('configuration', `The member "${name}" is not an object.`)
}

/** How a value is written where only text can be. */
export function textOf(value: Json): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
