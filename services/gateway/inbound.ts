import type { IncomingHttpHeaders } from 'node:http'
import {
  classifyInboundRequest,
  type InboundClassificationOutcome,
} from '@modelcontextprotocol/server'
import { type RequestId, RPC, type RpcError, type RpcRequest } from './json-rpc.ts'

/** The one stateless revision; what came before it has sessions. */
export const MODERN_VERSION = '2026-07-28'

/** A request that is refused before anything is done for it. */
export type Refusal = {
  readonly kind: 'refused'
  readonly status: number
  readonly id: RequestId | null
  readonly error: RpcError
}

export type Inbound =
  | Refusal
  | { readonly kind: 'modern-request'; readonly request: RpcRequest }
  | { readonly kind: 'modern-notification' }
  | {
      readonly kind: 'initialize' | 'legacy-request'
      readonly request: RpcRequest
    }
  | {
      readonly kind: 'legacy-notification'
      readonly method: string
      readonly params: RpcRequest['params']
    }

type ModernRoute = Extract<InboundClassificationOutcome, { readonly kind: 'modern' }>

/**
 * What a POST is, by its body; headers are never trusted, only compared with it (MCP 2026-07-28,
 * Streamable HTTP, server validation). The era comes from the SDK's own classification.
 */
export function readInbound(headers: IncomingHttpHeaders, body: unknown): Inbound {
  const version = single(headers['mcp-protocol-version'])
  const method = single(headers['mcp-method'])
  const route = classifyInboundRequest({
    httpMethod: 'POST',
    body,
    ...(version === undefined ? {} : { protocolVersionHeader: version }),
    ...(method === undefined ? {} : { mcpMethodHeader: method }),
  })
  switch (route.kind) {
    case 'reject':
      return refusal(route.httpStatus, idOf(body), {
        code: route.code,
        message: route.message,
        ...(route.data === undefined ? {} : { data: route.data }),
      })
    case 'modern':
      return modern(headers, route)
    case 'legacy':
      return legacy(route.reason, body)
  }
}

function modern(headers: IncomingHttpHeaders, route: ModernRoute): Inbound {
  const { revision } = route.classification
  const id = idOf(route.message)
  if (revision !== MODERN_VERSION)
    return refusal(400, id, {
      code: RPC.unsupportedVersion,
      message: 'Unsupported protocol version',
      data: { supported: [MODERN_VERSION], requested: revision ?? 'unknown' },
    })
  if (route.messageKind === 'notification') return { kind: 'modern-notification' }
  const request = requestOf(route.message)
  const mismatch = headerMismatch(headers, request)
  return mismatch === undefined
    ? { kind: 'modern-request', request }
    : refusal(400, id, { code: RPC.headerMismatch, message: mismatch })
}

function legacy(
  reason: Extract<InboundClassificationOutcome, { readonly kind: 'legacy' }>['reason'],
  body: unknown,
): Inbound {
  switch (reason) {
    case 'initialize':
      return { kind: 'initialize', request: requestOf(body as MessageBody) }
    case 'no-claim':
      return { kind: 'legacy-request', request: requestOf(body as MessageBody) }
    case 'notification': {
      const { method, params } = body as MessageBody
      return { kind: 'legacy-notification', method, params: params ?? {} }
    }
    case 'batch':
      return invalid('Send one request or notification, not a batch.')
    case 'response':
    case 'http-method':
      return invalid('Send a request or a notification; nothing was asked of you.')
  }
}

/** Guard-proved by the SDK's classification. */
type MessageBody = {
  readonly id?: RequestId
  readonly method: string
  readonly params?: RpcRequest['params'] | undefined
}

function requestOf({ id = 0, method, params }: MessageBody): RpcRequest {
  return { id, method, params: params ?? {} }
}

/** Which member of the parameters `Mcp-Name` repeats. */
const NAMED_BY: Readonly<Record<string, string>> = {
  'tools/call': 'name',
  'prompts/get': 'name',
  'resources/read': 'uri',
}

function headerMismatch(
  headers: IncomingHttpHeaders,
  { method, params }: RpcRequest,
): string | undefined {
  if (headers['mcp-protocol-version'] === undefined) return 'MCP-Protocol-Version is missing.'
  if (headers['mcp-method'] === undefined) return 'Mcp-Method is missing.'
  const member = Object.hasOwn(NAMED_BY, method) ? NAMED_BY[method] : undefined
  const named = member === undefined ? undefined : params[member]
  if (typeof named !== 'string') return undefined
  const header = single(headers['mcp-name'])
  if (header === undefined) return 'Mcp-Name is missing.'
  return decodeHeader(header.trim()) === named
    ? undefined
    : `Mcp-Name and params.${member} are not the same.`
}

const ENCODED = /^=\?base64\?([A-Za-z0-9+/]*={0,2})\?=$/

/** @returns undefined for a value that is marked as Base64 and is not. */
function decodeHeader(value: string): string | undefined {
  if (!value.startsWith('=?base64?')) return value
  const base64 = ENCODED.exec(value)?.[1]
  return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('utf8')
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header
}

/** Only of a message that is recognisably a request, to be repeated in a refusal. */
function idOf(body: unknown): RequestId | null {
  if (typeof body !== 'object' || body === null || !('method' in body)) return null
  const { id } = body as { readonly id?: unknown }
  return typeof id === 'string' || typeof id === 'number' ? id : null
}

function invalid(message: string): Refusal {
  return refusal(400, null, { code: RPC.invalidRequest, message })
}

export function refusal(status: number, id: RequestId | null, error: RpcError): Refusal {
  return { kind: 'refused', status, id, error }
}
