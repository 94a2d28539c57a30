import type { Configuration, Runtime } from '../../domain/installer/events.ts'
import type { Attempt } from './package-installer.ts'

/** Finds out whether something is an MCP server, by talking to it. */
export interface ServerProbe {
  /**
   * Starts or reaches the server, initializes, lists its tools, and lets it go.
   *
   * @returns names of the tools, in its order.
   * @throws {InstallFault} `not-an-mcp-server`, `verify-timeout`, `server-flooded`,
   *   `sandbox-unavailable`, `remote-unreachable`, `private-address-refused`.
   */
  probe(
    attempt: Attempt,
    runtime: Runtime,
    configuration: Configuration,
    signal: AbortSignal,
  ): Promise<readonly string[]>
}
