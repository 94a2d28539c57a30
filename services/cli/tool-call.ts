import {
  type CallToolResult,
  Client,
  ProtocolError,
  SdkError,
  SdkHttpError,
  StreamableHTTPClientTransport,
  type Tool,
} from '@modelcontextprotocol/client'
import type { Api } from './api.ts'
import { CliError, EXIT } from './failure.ts'

export type ToolServer = AsyncDisposable & {
  readonly tools: () => Promise<readonly Tool[]>
  readonly call: (tool: string, input: Record<string, unknown>) => Promise<CallToolResult>
}

/** Speaks MCP with one installation through the gateway. Every method throws a {@link CliError}. */
export async function connectTo(api: Api, installationId: string): Promise<ToolServer> {
  const transport = new StreamableHTTPClientTransport(
    new URL(`/mcp/${installationId}`, api.gateway()),
    {
      requestInit: {
        redirect: 'error',
        ...(api.key === undefined ? {} : { headers: { authorization: `Bearer ${api.key}` } }),
      },
    },
  )
  const client = new Client(
    { name: 'tidemark', version: '1' },
    { versionNegotiation: { mode: 'auto' } },
  )
  await ask(() => client.connect(transport))
  return {
    tools: async () => (await ask(() => client.listTools())).tools,
    call: (name, input) => ask(() => client.callTool({ name, arguments: input })),
    async [Symbol.asyncDispose]() {
      await client.close()
    },
  }
}

async function ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
  try {
    return await question()
  } catch (error) {
    if (error instanceof SdkHttpError || error instanceof ProtocolError)
      throw new CliError(EXIT.refused, detailOf(error))
    if (error instanceof SdkError) throw new CliError(EXIT.fault, error.message)
    throw new CliError(EXIT.unreachable, 'The gateway cannot be reached: is Tidemark running?')
  }
}

/** What the gateway said, without the SDK's words around it. */
function detailOf(error: SdkHttpError | ProtocolError): string {
  const json = /\{.*\}/s.exec(error.message)?.[0]
  try {
    const { detail, error: rpc } = JSON.parse(json ?? '')
    return String(detail ?? rpc?.message ?? error.message)
  } catch {
    return error.message
  }
}
