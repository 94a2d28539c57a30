import { isRecord, type Json } from '../../domain/kernel/json.ts'
import type { Outcome } from '../../domain/workflows/run/commands.ts'
import { standardError } from '../../domain/workflows/run/fault.ts'
import type { InstalledCalls } from '../ports/installed-calls.ts'
import type { Call } from './perform.ts'

/** How an author names Tidemark's own gateway: no name is looked up for it. */
const GATEWAY = /^https?:\/\/tidemark\/mcp\/([0-9a-f-]{36})\/?$/

/**
 * `call: mcp`, to servers that are installed here: `transport.http.endpoint` is
 * `http://tidemark/mcp/<installation id>`. A result that says `isError` is the tool's answer, and
 * faults the step.
 */
export function createMcpCall(calls: InstalledCalls): Call {
  return async (members, { idempotencyKey, owner, signal }) => {
    const installationId = GATEWAY.exec(endpointOf(members))?.[1]
    if (installationId === undefined)
      return failure('configuration', 'The endpoint is not http://tidemark/mcp/<installation id>.')
    const { method, parameters = {} } = members
    if (typeof method !== 'string' || !isRecord(parameters))
      return failure('configuration', 'A call of an MCP server has a method and an object.')
    const request = { id: idempotencyKey, method, params: parameters }
    const answer = await calls(owner, installationId, request, signal)
    if ('error' in answer)
      return failure('communication', answer.error.message, answer.error.status)
    const { result } = answer
    if (result.isError === true) return failure('communication', textOf(result), 422)
    return { output: result as Json }
  }
}

function endpointOf({ transport }: { readonly [member: string]: Json }): string {
  const http = isRecord(transport) ? transport.http : undefined
  const endpoint = isRecord(http) ? http.endpoint : undefined
  const uri = isRecord(endpoint) ? endpoint.uri : endpoint
  return typeof uri === 'string' ? uri : ''
}

/** What the tool says of its error: a third party's text. */
function textOf({ content }: Readonly<Record<string, unknown>>): string {
  const [first] = Array.isArray(content) ? content : []
  const { text } = (first ?? {}) as { readonly text?: unknown }
  return typeof text === 'string' ? text.slice(0, 500) : 'The tool says that it failed.'
}

function failure(
  kind: Parameters<typeof standardError>[0],
  detail: string,
  status?: number,
): Outcome {
  return { error: standardError(kind, detail, status) }
}
