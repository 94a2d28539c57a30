import { headersFor, initialize, modern } from './mcp-wire.ts'
import type { TidemarkProcess } from './program.ts'

type Gateway = Pick<TidemarkProcess, 'request'>

/** A stateless call of a tool, as it is on the wire. */
export function callStateless(
  gateway: Gateway,
  installationId: string,
  name: string,
  input: Readonly<Record<string, unknown>> = {},
): Promise<Response> {
  return gateway.request(`/mcp/${installationId}`, {
    body: modern('tools/call', { name, arguments: input }),
    headers: { ...headersFor('tools/call', name), accept: 'application/json, text/event-stream' },
  })
}

/** The text that a tool answered with. */
export async function textOf(answer: Response | Promise<Response>): Promise<string> {
  const { result } = (await (await answer).json()) as {
    readonly result: { readonly content: readonly { readonly text: string }[] }
  }
  return result.content[0]?.text ?? ''
}

/** Begins a session of an older revision. @returns the headers of its requests. */
export async function beginSession(
  gateway: Gateway,
  installationId: string,
): Promise<Readonly<Record<string, string>>> {
  const answer = await gateway.request(`/mcp/${installationId}`, {
    body: initialize,
    headers: { accept: 'application/json, text/event-stream' },
  })
  await answer.body?.cancel()
  return { 'mcp-session-id': answer.headers.get('mcp-session-id') ?? '' }
}

export function callInSession(
  gateway: Gateway,
  installationId: string,
  session: Readonly<Record<string, string>>,
  name: string,
  input: Readonly<Record<string, unknown>> = {},
): Promise<Response> {
  return gateway.request(`/mcp/${installationId}`, {
    headers: { ...session, accept: 'application/json' },
    body: {
      ...{ jsonrpc: '2.0', id: 5, method: 'tools/call' },
      params: { name, arguments: input },
    },
  })
}
