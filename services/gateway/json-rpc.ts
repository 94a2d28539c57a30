import type { JsonObject } from '../ports/mcp-upstream.ts'

export type RequestId = string | number

export type RpcRequest = {
  readonly id: RequestId
  readonly method: string
  readonly params: JsonObject
}

export type RpcError = { readonly code: number; readonly message: string; readonly data?: unknown }

/** JSON-RPC 2.0, and MCP's own since 2026-07-28. */
export const RPC = {
  parseError: -32_700,
  invalidRequest: -32_600,
  methodNotFound: -32_601,
  invalidParams: -32_602,
  internalError: -32_603,
  headerMismatch: -32_020,
  unsupportedVersion: -32_022,
  /** Up to 2025-11-25 only. */
  resourceNotFound: -32_002,
  /** Up to 2025-11-25 only. */
  urlElicitationRequired: -32_042,
} as const

export function resultText(id: RequestId, result: JsonObject): string {
  return JSON.stringify({ jsonrpc: '2.0', id, result })
}

/** @param id null when the request could not be read so far. */
export function errorText(id: RequestId | null, error: RpcError): string {
  return JSON.stringify({ jsonrpc: '2.0', id, error })
}

export function notificationText(method: string, params: JsonObject): string {
  return JSON.stringify({ jsonrpc: '2.0', method, params })
}
