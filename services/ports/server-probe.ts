import type { Configuration, Runtime } from '../../domain/installer/events.ts'

export type ProbeResult = {
  /** Names of the tools that it listed, in its order. */
  readonly tools: readonly string[]
  readonly protocolVersion: string
}

/** Finds out whether something is an MCP server, by talking to it. */
export interface ServerProbe {
  /**
   * Starts or reaches the server, initializes, lists its tools, and lets it go.
   *
   * @param secrets by name of the declared variable or header.
   * @throws {InstallFault} `not-an-mcp-server`, `verify-timeout`, `server-flooded`,
   *   `sandbox-unavailable`, `remote-unreachable`, `private-address-refused`.
   */
  probe(
    runtime: Runtime,
    configuration: Configuration,
    secrets: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<ProbeResult>
}
