import { type FetchLike, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { ArtifactStore } from '../../services/ports/artifact-store.ts'
import {
  type ConnectableServer,
  type McpConnector,
  type McpUpstream,
  type UpstreamEnd,
  UpstreamLostError,
} from '../../services/ports/mcp-upstream.ts'
import type { Sandbox } from '../../services/ports/sandbox.ts'
import type { SecretStore } from '../../services/ports/secret-store.ts'
import { boundedFetch } from './bounded-fetch.ts'
import { type ConnectionParts, connectClient } from './client-upstream.ts'
import { StdioTransport, type StdioTransportOptions } from './stdio-transport.ts'

export type McpConnectorDeps = {
  readonly sandbox: Sandbox
  readonly secrets: Pick<SecretStore, 'reveal'>
  readonly artifacts: Pick<ArtifactStore, 'verifyTree'>
  /** Refuses private addresses: the URL comes from a catalogue entry. */
  readonly fetch: FetchLike
  /** How the gateway introduces itself to servers. */
  readonly clientInfo: ConnectionParts['clientInfo']
  readonly stdio?: StdioTransportOptions
}

type Runtime<Kind> = Extract<ConnectableServer['runtime'], { readonly kind: Kind }>
type Secrets = Readonly<Record<string, string>>

export function createMcpConnector(deps: McpConnectorDeps): McpConnector {
  return {
    async connect(server, signal) {
      const { tenantId, installationId, configuration, runtime } = server
      const secrets =
        configuration.secretNames.length === 0
          ? {}
          : await deps.secrets.reveal(tenantId, installationId)
      return runtime.kind === 'remote'
        ? reach(deps, server, runtime, secrets, signal)
        : start(deps, server, runtime, secrets, signal)
    },
  }
}

async function start(
  deps: McpConnectorDeps,
  { configuration }: ConnectableServer,
  runtime: Runtime<'npm'>,
  secrets: Secrets,
  signal: AbortSignal,
): Promise<McpUpstream> {
  if (!(await deps.artifacts.verifyTree(runtime)))
    throw new UpstreamLostError('The installed files are not what was installed.')
  const process = await deps.sandbox.spawnServer(runtime, configuration, secrets)
  const { status } = deps.sandbox
  const transport = new StdioTransport(process, deps.stdio)
  const upstream = connectClient({
    transport,
    signal,
    ended: transport.ended,
    sandbox: status.available ? status.kind : undefined,
    misbehave: (why) => transport.misbehave(why),
    clientInfo: deps.clientInfo,
  })
  return upstream.catch(async (error: unknown) => {
    await process.kill()
    const { detail, reason } = await transport.ended
    if (detail === undefined) throw error
    throw new UpstreamLostError(detail, { cause: error, misbehaved: reason === 'misbehaved' })
  })
}

async function reach(
  deps: McpConnectorDeps,
  { configuration }: ConnectableServer,
  runtime: Runtime<'remote'>,
  secrets: Secrets,
  signal: AbortSignal,
): Promise<McpUpstream> {
  const headers = { ...configuration.environment, ...pick(secrets, configuration.secretNames) }
  let end: (reason: UpstreamEnd) => void = () => undefined
  const ended = new Promise<UpstreamEnd>((resolve) => {
    end = resolve
  })
  const misbehave = (detail: string) => {
    end({ reason: 'misbehaved', detail })
    void transport.close()
  }
  const transport = new StreamableHTTPClientTransport(new URL(runtime.url), {
    fetch: boundedFetch(deps.fetch, misbehave),
    requestInit: { headers },
  })
  const upstream = await connectClient({
    transport,
    signal,
    ended,
    sandbox: undefined,
    misbehave,
    clientInfo: deps.clientInfo,
  })
  const closed = transport.onclose
  transport.onclose = () => {
    end({ reason: 'closed' })
    closed?.()
  }
  return upstream
}

function pick(secrets: Secrets, names: readonly string[]): Secrets {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = secrets[name]
      return value === undefined ? [] : [[name, value]]
    }),
  )
}
