import type { Test } from 'tap'
import { type TestGateway, testGateway } from './mcp-gateway.ts'

export const MODERN = '2026-07-28'

export const envelope = {
  'io.modelcontextprotocol/protocolVersion': MODERN,
  'io.modelcontextprotocol/clientCapabilities': {},
}

type Headers = Readonly<Record<string, string>>

/** An MCP endpoint as the wire shows it, without a client that would put right what is wrong. */
export type McpWire = {
  readonly gateway: TestGateway
  readonly key: string
  readonly endpoint: string
  readonly installationId: string
  /** @param body a text goes as it is. */
  readonly post: (body: unknown, headers?: Headers, url?: string) => Promise<Response>
}

export async function mcpWire(t: Test): Promise<McpWire> {
  const gateway = await testGateway(t)
  const installationId = await gateway.install()
  const key = gateway.key()
  const endpoint = `${gateway.url}/mcp/${installationId}`
  return {
    ...{ gateway, key, endpoint, installationId },
    post: (body, headers = {}, url = endpoint) =>
      fetch(url, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          ...headers,
        },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
  }
}

/** A request of the revision without sessions. */
export function modern(method: string, params: object = {}, meta: object = envelope) {
  return { jsonrpc: '2.0', id: 7, method, params: { ...params, _meta: meta } }
}

export function headersFor(method: string, name?: string): Headers {
  return {
    'mcp-protocol-version': MODERN,
    'mcp-method': method,
    ...(name === undefined ? {} : { 'mcp-name': name }),
  }
}

/** How a session begins. */
export const initialize = {
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: {
    protocolVersion: '2025-06-18',
    capabilities: {},
    clientInfo: { name: 'test', version: '1' },
  },
}

/** Expects a JSON-RPC error. @returns the whole answer. */
export async function refused(t: Test, response: Response, status: number, code: number) {
  const body = await response.json()
  t.equal(response.status, status)
  t.match(body, { jsonrpc: '2.0', error: { code, message: String } })
  return body
}
