import type { TestGateway } from './mcp-gateway.ts'

/** Soon enough for a test, and in the proportions of the real ones. */
export const FAST = {
  restart: { baseDelayMs: 10, maxDelayMs: 50, windowMs: 60_000, maxFailures: 5 },
  startTimeoutMs: 5_000,
}

export function running(gateway: TestGateway): number {
  return gateway.processes.live('acme').length
}

/** The JSON-RPC error that the gateway answers with in this case. */
export function refusal(code: string): { readonly code: number; readonly data: object } {
  return { code: -32603, data: { code } }
}

export async function stops(gateway: TestGateway) {
  return (await gateway.events('ServerProcessStopped')).map(({ data }) => data)
}
