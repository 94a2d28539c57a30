import type { InstalledCalls } from '../ports/installed-calls.ts'
import type { JsonObject } from '../ports/mcp-upstream.ts'
import { type ForwardDeps, forward } from './forward.ts'
import type { RpcError } from './json-rpc.ts'
import { FORWARDED_METHODS } from './offered.ts'
import type { ServerProcesses } from './server-processes.ts'

export type DirectCallsDeps = Omit<ForwardDeps, 'callTimeoutMs'> & {
  readonly processes: Pick<ServerProcesses, 'find' | 'lease'>
}

const CALL_TIMEOUT_MS = 60_000

/** Calls that come from inside, in the name of who owns them; the same as those over HTTP. */
export function createDirectCalls(deps: DirectCallsDeps): InstalledCalls {
  return async (caller, installationId, request, signal) => {
    if (!FORWARDED_METHODS.has(request.method))
      return { error: { message: `"${request.method}" is not forwarded to servers.`, status: 400 } }
    const server = await deps.processes.find(caller.tenantId, installationId)
    if (server === undefined)
      return { error: { message: 'There is no such installation.', status: 404 } }
    const { status, text } = await forward(
      { ...deps, callTimeoutMs: CALL_TIMEOUT_MS },
      {
        ...{ caller, server, request, signal, era: 'legacy' },
        requestBytes: Buffer.byteLength(JSON.stringify(request)),
      },
    )
    const answer = JSON.parse(text) as {
      readonly result?: JsonObject
      readonly error?: RpcError
    }
    if (answer.result !== undefined) return { result: answer.result }
    const { message = 'The server answered with an error.' } = answer.error ?? {}
    return { error: { message, status: status >= 400 ? status : 502 } }
  }
}
