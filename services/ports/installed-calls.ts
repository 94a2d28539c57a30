import type { JsonObject } from './mcp-upstream.ts'

/** What an installed server answered; `message` is one sentence, `status` the HTTP status that it stands for. */
export type InstalledAnswer =
  | { readonly result: JsonObject }
  | { readonly error: { readonly message: string; readonly status: number } }

/** Requests to installed MCP servers by the program itself, through its gateway and recorded as every call. */
export type InstalledCalls = (
  caller: { readonly tenantId: string; readonly actorId: string },
  installationId: string,
  request: { readonly id: string; readonly method: string; readonly params: JsonObject },
  signal: AbortSignal,
) => Promise<InstalledAnswer>
