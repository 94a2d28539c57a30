import {
  isJsonArray,
  isJsonObject,
  type Json,
  type JsonObject,
} from '../../../domain/kernel/json.ts'
import type { OutgoingCalls, OutgoingRequest } from '../../ports/outgoing-call.ts'
import type { Authenticate } from '../authentication/authenticate.ts'
import type { Call, CallContext } from '../perform.ts'
import { outcomeOfAnswer } from './answer.ts'
import { type BodyCheck, createBodyCheck } from './body-check.ts'
import { CallFault, type CallMembers, outcomeOf } from './call.ts'
import { addressOf, answerFormOf, composed, refuseDots, textOf } from './http.ts'
import {
  createOpenApiDocuments,
  type OpenApiDocument,
  type Operation,
  objectIn,
  operationIn,
  resolved,
  serverOf,
} from './openapi-document.ts'

const JSON_TYPE = 'application/json'

/** `call: openapi`: the operation of a document that is fetched like everything else. */
export function openApiCall(outgoing: OutgoingCalls, authenticate: Authenticate): Call {
  const documents = createOpenApiDocuments(outgoing)
  const check = createBodyCheck()
  return (members, context) =>
    outcomeOf(async () => {
      const { endpoint } = objectIn(members.document)
      const document = await documents(addressOf(endpoint, context.input), context.signal)
      const operation = operationIn(document, textOf(members.operationId ?? null))
      const request = requestOf(document, operation, members, context, check)
      const { owner, signal } = context
      const send = (each: OutgoingRequest) => outgoing.call(each, signal)
      const answer = await authenticate(owner.tenantId, members.authentication, request, send)
      return outcomeOfAnswer(request, answer, answerFormOf(members))
    })
}

type Parts = {
  path: string
  readonly query: URLSearchParams
  readonly headers: Record<string, string>
  readonly cookies: string[]
}

function requestOf(
  document: OpenApiDocument,
  operation: Operation,
  members: CallMembers,
  { idempotencyKey }: CallContext,
  check: BodyCheck,
): OutgoingRequest {
  const given = objectIn(members.parameters)
  const parts: Parts = {
    path: operation.path,
    query: new URLSearchParams(),
    headers: {},
    cookies: [],
  }
  for (const parameter of operation.parameters) place(parts, parameter, given)
  if (/\{[^}]*\}/.test(parts.path))
    throw new CallFault('validation', `The path "${parts.path}" has a parameter that is not given.`)
  if (parts.cookies.length > 0) parts.headers.cookie = parts.cookies.join('; ')
  const { body, type } = bodyOf(document, operation, given, check)
  if (type !== undefined) parts.headers['content-type'] = type
  const url = serverOf(document)
  refuseDots(parts.path)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}${parts.path}`
  url.search = parts.query.toString()
  return composed(operation.method.toUpperCase(), url, parts.headers, body, idempotencyKey)
}

/** Writes one parameter where it belongs: style `form` with one pair an element in the query, `simple` elsewhere. */
function place(parts: Parts, { name, in: where, required }: JsonObject, given: JsonObject): void {
  if (typeof name !== 'string' || where === 'body') return
  const value = (Object.hasOwn(given, name) ? given[name] : null) ?? null
  if (value === null) {
    if (required === true || where === 'path') throw missing(name)
    return
  }
  switch (where) {
    case 'path':
      parts.path = parts.path.replaceAll(`{${name}}`, () => encodeURIComponent(simple(value)))
      return
    case 'header':
      parts.headers[name.toLowerCase()] = simple(value)
      return
    case 'cookie':
      parts.cookies.push(`${name}=${encodeURIComponent(simple(value))}`)
      return
    case 'query':
      for (const each of isJsonArray(value) ? value : [value])
        parts.query.append(name, textOf(each))
      return
    default:
      throw new CallFault('configuration', `The parameter "${name}" is of a kind not known here.`)
  }
}

function missing(name: string): CallFault {
  return new CallFault('validation', `The parameter "${name}" is required.`)
}

function simple(value: Json): string {
  if (isJsonArray(value)) return value.map(textOf).join(',')
  if (!isJsonObject(value)) return textOf(value)
  return Object.entries(value)
    .flatMap(([key, each]) => [key, textOf(each)])
    .join(',')
}

/** The body is given as the parameter `body`, or as Swagger 2's parameter in the body is called. */
function bodyOf(
  document: OpenApiDocument,
  operation: Operation,
  given: JsonObject,
  check: BodyCheck,
): { body: Json | undefined; type: string | undefined } {
  const declared = declaredBody(document, operation)
  if (declared === undefined) return { body: undefined, type: undefined }
  const { name, schema, isRequired, type } = declared
  const body = Object.hasOwn(given, name) ? given[name] : undefined
  if (body === undefined) {
    if (isRequired) throw missing(name)
    return { body: undefined, type: undefined }
  }
  const violation = schema === undefined ? undefined : check(document, schema, body)
  if (violation !== undefined)
    throw new CallFault('validation', `The body is not what the operation takes: ${violation}`)
  return { body, type }
}

type DeclaredBody = {
  readonly name: string
  readonly schema: Json | undefined
  readonly isRequired: boolean
  readonly type: string
}

function declaredBody(
  { root }: OpenApiDocument,
  { definition, parameters }: Operation,
): DeclaredBody | undefined {
  if (definition.requestBody !== undefined) {
    const { content, required } = resolved(root, definition.requestBody)
    const types = objectIn(content)
    const [first = JSON_TYPE] = Object.keys(types)
    const type = Object.hasOwn(types, JSON_TYPE) ? JSON_TYPE : first
    const { schema } = objectIn(types[type])
    return { name: 'body', schema, isRequired: required === true, type }
  }
  const inBody = parameters.find((parameter) => parameter.in === 'body')
  if (inBody === undefined) return undefined
  const { name, schema, required } = inBody
  return { name: String(name), schema, isRequired: required === true, type: JSON_TYPE }
}
