import type { Configuration, Runtime } from '../../domain/installer/events.ts'
import type { SandboxKind } from './sandbox.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** What the server said about itself. Untrusted text. */
export type ServerIdentity = {
  readonly serverInfo: JsonObject
  readonly capabilities: JsonObject
  readonly instructions?: string
}

export type UpstreamRequestOptions = {
  /** Aborting tells the server that nobody waits any more. */
  readonly signal: AbortSignal
  /** Progress starts it anew. */
  readonly timeoutMs: number
  /** Given = progress is asked for. The token in it is not the caller's. */
  readonly onProgress?: (progress: JsonObject) => void
}

/** Why a connection is over. `misbehaved` = it was ended because it broke the protocol's bounds. */
export type UpstreamEnd = {
  readonly reason: 'closed' | 'exited' | 'misbehaved'
  readonly exitCode?: number
  /** One sentence, without anything that the server wrote. */
  readonly detail?: string
}

/**
 * An initialized connection to one MCP server, shared by all of its callers. Request ids are
 * its own, so that callers cannot meet in them.
 */
export interface McpUpstream {
  readonly identity: ServerIdentity
  /** Undefined for a remote server. */
  readonly sandbox: SandboxKind | undefined
  /** Resolves once, however the connection ended; never rejects. */
  readonly ended: Promise<UpstreamEnd>

  /**
   * @throws {UpstreamErrorResponse} the server's own JSON-RPC error.
   * @throws {UpstreamTimeoutError} when it did not answer in time; it may still be working.
   * @throws {UpstreamLostError} when the connection ended before the answer.
   */
  request(method: string, params: JsonObject, options: UpstreamRequestOptions): Promise<JsonObject>

  /** @returns false when it does not answer a ping within `timeoutMs`. */
  isAlive(timeoutMs: number): Promise<boolean>

  /** What the server announces without being asked. @returns ends it. */
  onNotification(listener: (method: string, params: JsonObject) => void): () => void

  /** Ends it politely, then firmly; resolves when the process is gone. Repeating it is harmless. */
  close(): Promise<void>
}

export type ConnectableServer = {
  readonly tenantId: string
  readonly installationId: string
  readonly runtime: Runtime
  readonly configuration: Configuration
}

export interface McpConnector {
  /**
   * Starts the process or reaches the remote, and initializes.
   *
   * @throws {UpstreamLostError} when it does not start, is no MCP server or does not answer.
   * @throws {SandboxUnavailableError} when nothing may be started on this machine.
   */
  connect(server: ConnectableServer, signal: AbortSignal): Promise<McpUpstream>
}

export class UpstreamErrorResponse extends Error {
  override readonly name = 'UpstreamErrorResponse'
  readonly code: number
  readonly data: unknown

  constructor(code: number, message: string, data: unknown) {
    super(message)
    this.code = code
    this.data = data
  }
}

export class UpstreamTimeoutError extends Error {
  override readonly name = 'UpstreamTimeoutError'
}

export class UpstreamLostError extends Error {
  override readonly name = 'UpstreamLostError'
  /** The server was ended because it broke the protocol's bounds. */
  readonly misbehaved: boolean

  constructor(message: string, options?: ErrorOptions & { readonly misbehaved?: boolean }) {
    super(message, options)
    this.misbehaved = options?.misbehaved ?? false
  }
}
