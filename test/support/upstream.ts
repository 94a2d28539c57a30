import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type UpstreamEntry = {
  readonly server: Readonly<Record<string, unknown>> & {
    readonly name: string
    readonly version: string
  }
  readonly _meta?: Readonly<Record<string, unknown>>
}

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void

export type TestUpstream = {
  readonly url: string
  /** What the registry lists from now on, in this order. */
  list(entries: readonly unknown[]): void
  /** Answers every request from now on instead of the registry; undefined = the registry again. */
  misbehave(handler: Handler | undefined): void
  /** Queries of the requests so far. */
  readonly queries: URLSearchParams[]
}

/** A server on loopback that speaks the official registry API, as well or as badly as told. */
export async function startUpstream(t: {
  teardown: (stop: () => Promise<void>) => void
}): Promise<TestUpstream> {
  let entries: readonly unknown[] = []
  let handler: Handler | undefined
  const queries: URLSearchParams[] = []
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://upstream')
    queries.push(url.searchParams)
    if (handler !== undefined) handler(request, response, url)
    else answerPage(response, url, entries)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => stop(server))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    list: (next) => {
      entries = next
    },
    misbehave: (next) => {
      handler = next
    },
    queries,
  }
}

function answerPage(response: ServerResponse, url: URL, all: readonly unknown[]): void {
  const since = url.searchParams.get('updated_since')
  const entries =
    since === null ? all : all.filter((entry) => Date.parse(updatedAt(entry)) >= Date.parse(since))
  const limit = Number(url.searchParams.get('limit') ?? 30)
  const start = Number(url.searchParams.get('cursor') ?? 0)
  const servers = entries.slice(start, start + limit)
  const end = start + servers.length
  const metadata = {
    count: servers.length,
    ...(end < entries.length ? { nextCursor: String(end) } : {}),
  }
  answerJson(response, { servers, metadata })
}

export function answerJson(response: ServerResponse, body: unknown): void {
  const text = JSON.stringify(body)
  response.writeHead(200, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  })
  response.end(text)
}

function updatedAt(entry: unknown): string {
  const meta = (entry as UpstreamEntry)._meta?.['io.modelcontextprotocol.registry/official']
  return (meta as { readonly updatedAt?: string } | undefined)?.updatedAt ?? ''
}

function stop(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}

/** A well-formed entry; `server` and `official` change or add members. */
export function upstreamEntry(
  name: string,
  version: string,
  { server = {}, official = {} }: { readonly server?: object; readonly official?: object } = {},
): UpstreamEntry {
  return {
    server: {
      $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
      name,
      description: `What ${name} does.`,
      version,
      packages: [
        {
          registryType: 'npm',
          identifier: name.replace('/', '-'),
          version,
          transport: { type: 'stdio' },
        },
      ],
      ...server,
    },
    _meta: {
      'io.modelcontextprotocol.registry/official': {
        status: 'active',
        publishedAt: '2025-10-01T00:00:00.000001Z',
        updatedAt: '2025-10-01T00:00:00.000001Z',
        isLatest: true,
        ...official,
      },
    },
  }
}
