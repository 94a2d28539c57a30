import {
  Client,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
  type StandardSchemaV1,
  type Transport,
} from '@modelcontextprotocol/client'
import {
  type JsonObject,
  type McpUpstream,
  type UpstreamEnd,
  UpstreamErrorResponse,
  UpstreamLostError,
  type UpstreamRequestOptions,
  UpstreamTimeoutError,
} from '../../services/ports/mcp-upstream.ts'
import type { SandboxKind } from '../../services/ports/sandbox.ts'

/** Answers to nobody, messages that no one can read: more of them end the connection. */
const MAX_PROTOCOL_FAULTS = 1_000
/** A server of before 2026-07-28 may leave the question for its era unanswered. */
const ERA_PROBE_MS = 3_000

/** The caller of the gateway judges a result, not the gateway: it passes as it is. */
const anyResult: StandardSchemaV1<JsonObject> = {
  '~standard': {
    version: 1,
    vendor: 'tidemark',
    validate: (value) => ({ value: value as JsonObject }),
  },
}

export type ConnectionParts = {
  readonly transport: Transport
  readonly ended: Promise<UpstreamEnd>
  readonly sandbox: SandboxKind | undefined
  /** Ends the connection because the server broke the protocol's bounds. */
  readonly misbehave: (why: string) => void
  readonly signal: AbortSignal
  readonly clientInfo: { readonly name: string; readonly version: string }
}

/**
 * Initializes over the transport, in the server's own era, with no client capabilities: a
 * request that the server sends is answered with "method not found".
 *
 * @throws {UpstreamLostError}
 */
export async function connectClient(parts: ConnectionParts): Promise<McpUpstream> {
  const client = new Client(parts.clientInfo, {
    capabilities: {},
    versionNegotiation: { mode: 'auto', probe: { timeoutMs: ERA_PROBE_MS } },
  })
  let faults = 0
  client.onerror = () => {
    if (++faults === MAX_PROTOCOL_FAULTS)
      parts.misbehave(`It sent ${MAX_PROTOCOL_FAULTS} messages that nobody could use.`)
  }
  const listeners = new Set<(method: string, params: JsonObject) => void>()
  client.fallbackNotificationHandler = async ({ method, params }) => {
    for (const listener of listeners) listener(method, params ?? {})
  }
  try {
    await client.connect(parts.transport, { signal: parts.signal })
  } catch (error) {
    await parts.transport.close().catch(() => undefined)
    throw await lost(error, parts.ended)
  }
  const instructions = client.getInstructions()
  return {
    identity: {
      serverInfo: { ...client.getServerVersion() },
      capabilities: { ...client.getServerCapabilities() },
      ...(instructions === undefined ? {} : { instructions }),
    },
    sandbox: parts.sandbox,
    ended: parts.ended,
    async request(method, params, options) {
      try {
        return await request(client, parts.ended, method, params, options)
      } catch (error) {
        if (hasLostItsSession(error)) void parts.transport.close()
        throw error
      }
    },
    isAlive: (timeoutMs) => isAlive(client, timeoutMs),
    onNotification(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async close() {
      await client.close()
      await parts.transport.close()
    },
  }
}

async function request(
  client: Client,
  ended: Promise<UpstreamEnd>,
  method: string,
  params: JsonObject,
  { signal, timeoutMs, onProgress }: UpstreamRequestOptions,
): Promise<JsonObject> {
  try {
    return await client.request({ method, params }, anyResult, {
      signal,
      timeout: timeoutMs,
      resetTimeoutOnProgress: true,
      ...(onProgress === undefined
        ? {}
        : { onprogress: (progress) => onProgress(progress as JsonObject) }),
    })
  } catch (error) {
    if (error instanceof ProtocolError)
      throw new UpstreamErrorResponse(error.code, error.message, error.data)
    if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout)
      throw new UpstreamTimeoutError(`The server did not answer within ${timeoutMs} ms.`)
    throw await lost(error, ended)
  }
}

/** Any answer is a sign of life, also "method not found" from a server that knows no ping. */
async function isAlive(client: Client, timeoutMs: number): Promise<boolean> {
  const method = client.getProtocolEra() === 'modern' ? 'server/discover' : 'ping'
  try {
    await client.request({ method }, anyResult, { timeout: timeoutMs })
    return true
  } catch (error) {
    return error instanceof ProtocolError
  }
}

/** A remote server answers 404 to a session that it has forgotten: only a new connection helps. */
function hasLostItsSession(error: unknown): boolean {
  return (
    error instanceof UpstreamLostError &&
    error.cause instanceof SdkHttpError &&
    error.cause.status === 404
  )
}

/** Says what happened without repeating anything that the server wrote. */
async function lost(error: unknown, ended: Promise<UpstreamEnd>): Promise<UpstreamLostError> {
  // An end that this error came from is there within this turn.
  const end = await Promise.race([ended, new Promise<undefined>(setImmediate)])
  if (end?.reason === 'misbehaved' && end.detail !== undefined)
    return new UpstreamLostError(end.detail, { cause: error, misbehaved: true })
  return new UpstreamLostError(reasonOf(error), { cause: error })
}

function reasonOf(error: unknown): string {
  if (error instanceof ProtocolError) return `It refused to initialize (JSON-RPC ${error.code}).`
  if (error instanceof SdkHttpError) return `It answered with HTTP status ${error.status}.`
  if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout)
    return 'It did not answer in time.'
  if (error instanceof SdkError && error.code === SdkErrorCode.ConnectionClosed)
    return 'The connection ended.'
  if (error instanceof SdkError && error.code === SdkErrorCode.EraNegotiationFailed)
    return 'It could not be reached, or it is no MCP server.'
  if (error instanceof SdkError) return `Its answer is not MCP (${error.code}).`
  return 'It could not be reached.'
}
