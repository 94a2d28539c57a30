import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Runtime } from '../../domain/installer/events.ts'
import {
  type McpConnector,
  type McpUpstream,
  UpstreamErrorResponse,
  UpstreamLostError,
  UpstreamTimeoutError,
} from '../ports/mcp-upstream.ts'
import { InstallFault } from '../ports/package-installer.ts'
import { SandboxUnavailableError } from '../ports/sandbox.ts'
import type { ServerProbe } from '../ports/server-probe.ts'
import { UpstreamError } from '../ports/upstream-registry.ts'

const TIMEOUT_MS = 20_000
/** A server that pages without end lists no more than this. */
const MAX_PAGES = 50
const MAX_TOOLS = 5_000

const ToolPage = Type.Object({
  tools: Type.Array(Type.Object({ name: Type.String({ minLength: 1, maxLength: 300 }) })),
  nextCursor: Type.Optional(Type.String()),
})

/** Connects as the gateway does, so that what passes can be called. */
export function createServerProbe(
  connector: McpConnector,
  timeoutMs: number = TIMEOUT_MS,
): ServerProbe {
  return {
    async probe({ tenantId, installationId }, runtime, configuration, signal) {
      const timeout = AbortSignal.timeout(timeoutMs)
      const either = AbortSignal.any([signal, timeout])
      let upstream: McpUpstream | undefined
      try {
        const server = { tenantId, installationId, runtime, configuration }
        upstream = await connector.connect(server, either)
        return await listTools(upstream, timeoutMs, either)
      } catch (error) {
        signal.throwIfAborted()
        if (timeout.aborted) throw late(timeoutMs)
        throw faultFor(error, runtime, await misbehaviour(upstream))
      } finally {
        await upstream?.close()
      }
    },
  }
}

async function listTools(
  upstream: McpUpstream,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const names: string[] = []
  let cursor: string | undefined
  for (let page = 0; page < MAX_PAGES && names.length < MAX_TOOLS; page++) {
    const params = cursor === undefined ? {} : { cursor }
    const answer = await upstream.request('tools/list', params, { signal, timeoutMs })
    if (!Value.Check(ToolPage, answer))
      throw new InstallFault('not-an-mcp-server', 'Its list of tools is not one.')
    names.push(...answer.tools.map(({ name }) => name))
    cursor = answer.nextCursor
    if (cursor === undefined) break
  }
  return names.slice(0, MAX_TOOLS)
}

/** What it was ended for, when it was; a moment is enough, as the error came from that end. */
async function misbehaviour(upstream: McpUpstream | undefined): Promise<string | undefined> {
  if (upstream === undefined) return undefined
  const end = await Promise.race([upstream.ended, new Promise<undefined>(setImmediate)])
  return end?.reason === 'misbehaved' ? end.detail : undefined
}

function faultFor(error: unknown, runtime: Runtime, flooded: string | undefined): unknown {
  if (error instanceof InstallFault) return error
  if (error instanceof SandboxUnavailableError)
    return new InstallFault('sandbox-unavailable', error.message)
  if (flooded !== undefined) return new InstallFault('server-flooded', flooded)
  if (error instanceof UpstreamTimeoutError) return late(TIMEOUT_MS)
  if (error instanceof UpstreamErrorResponse)
    return new InstallFault('not-an-mcp-server', 'It refuses to list its tools.')
  if (!(error instanceof UpstreamLostError)) return error
  if (error.misbehaved) return new InstallFault('server-flooded', error.message)
  if (isPrivateAddress(error))
    return new InstallFault('private-address-refused', 'The remote server is on a private address.')
  if (runtime.kind === 'remote')
    return new InstallFault('remote-unreachable', `No MCP server answers there: ${error.message}`)
  return new InstallFault('not-an-mcp-server', `It does not speak MCP: ${error.message}`)
}

function isPrivateAddress(error: unknown): boolean {
  for (let each = error; each instanceof Error; each = each.cause)
    if (each instanceof UpstreamError && each.code === 'upstream-address-refused') return true
  return false
}

function late(timeoutMs: number): InstallFault {
  return new InstallFault(
    'verify-timeout',
    `The server did not list its tools within ${timeoutMs / 1_000} seconds.`,
  )
}
