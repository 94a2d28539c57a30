import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import { createMcpConnector } from '../../../infra/mcp/connector.ts'
import { createGuardedFetch } from '../../../infra/mcp/guarded-fetch.ts'
import { createServerProbe } from '../../../services/installer/probe.ts'
import { InstallFault } from '../../../services/ports/package-installer.ts'
import { type Sandbox, SandboxUnavailableError } from '../../../services/ports/sandbox.ts'

// Remote servers, and a machine on which nothing may be started.

const plain = { environment: {}, arguments: [], secretNames: [], network: 'none' } as const
const attempt = { tenantId: 'acme', installationId: 'one', attemptId: 'two' }
const { signal } = new AbortController()
const noSandbox: Sandbox = {
  status: { available: false, reason: 'Not here.' },
  spawnServer: () => Promise.reject(new SandboxUnavailableError('Not here.')),
}

function probeWith(allowPrivate: boolean) {
  const guarded = createGuardedFetch({ allowPrivate })
  t.teardown(() => guarded[Symbol.asyncDispose]())
  const connector = createMcpConnector({
    sandbox: noSandbox,
    secrets: { reveal: async () => ({ Authorization: 'Bearer hidden' }) },
    artifacts: { verifyTree: async () => true },
    fetch: guarded.fetch,
    clientInfo: { name: 'tidemark-test', version: '0.0.0' },
  })
  return createServerProbe(connector, 10_000)
}

/** @returns the result, or the response when it has answered by itself. */
type Answer = (
  method: string,
  request: IncomingMessage,
  response: ServerResponse,
  id: unknown,
) => unknown

/** A Streamable HTTP server of before 2026-07-28. @returns its URL. */
async function remote(answer: Answer): Promise<string> {
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request) text += chunk
    const { id, method } = text === '' ? { id: undefined, method: '' } : JSON.parse(text)
    if (request.method !== 'POST') return response.writeHead(405).end()
    if (id === undefined) return response.writeHead(202).end()
    const result = answer(method, request, response, id)
    if (result === response) return
    const body = result === undefined ? { error: { code: -32601, message: 'No.' } } : { result }
    response.setHeader('content-type', 'application/json')
    return response.end(JSON.stringify({ jsonrpc: '2.0', id, ...body }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

const initialized = {
  protocolVersion: '2025-06-18',
  capabilities: { tools: {} },
  serverInfo: { name: 'remote', version: '1.0.0' },
}
const tool = (name: string) => ({ name, inputSchema: { type: 'object' } })

const probe = (url: string, { allowPrivate = true, secretNames = [] as string[] } = {}) =>
  probeWith(allowPrivate).probe(
    attempt,
    { kind: 'remote', url },
    { ...plain, arguments: [], secretNames },
    signal,
  )

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error = await work.catch((error) => error)
  return error instanceof InstallFault ? error.code : `no fault: ${error}`
}

t.test('a remote server lists its tools, with its secret header', async (t) => {
  const authorizations = new Set<string | undefined>()
  const url = await remote((method, { headers }) => {
    authorizations.add(headers.authorization)
    if (method === 'initialize') return initialized
    return method === 'tools/list' ? { tools: [tool('a'), tool('b')] } : undefined
  })
  t.same(await probe(url, { secretNames: ['Authorization'] }), ['a', 'b'])
  t.same([...authorizations], ['Bearer hidden'])
})

t.test('a server that pages without end is listed up to a bound', async (t) => {
  let pages = 0
  const url = await remote((method) => {
    if (method === 'initialize') return initialized
    if (method !== 'tools/list') return undefined
    pages += 1
    return { tools: [tool(`t${pages}`)], nextCursor: 'again' }
  })
  const tools = await probe(url)
  t.ok(tools.length > 1 && tools.length <= 50)
})

t.test('what is no MCP server is named so', async (t) => {
  const odd = await remote((method) => (method === 'initialize' ? initialized : { tools: 'many' }))
  t.equal(await codeOf(probe(odd)), 'not-an-mcp-server')
  const refusing = await remote((method) => (method === 'initialize' ? initialized : undefined))
  t.equal(await codeOf(probe(refusing)), 'not-an-mcp-server')
  const web = await remote(() => undefined)
  t.equal(await codeOf(probe(web)), 'remote-unreachable')
  t.equal(await codeOf(probe('http://127.0.0.1:9/mcp')), 'remote-unreachable')
})

const MIB = 1024 * 1024

/** Writes for as long as somebody reads. @returns how many bytes it got rid of. */
async function endless(response: ServerResponse, chunk: Buffer): Promise<number> {
  let written = 0
  function* chunks() {
    for (; written < 64 * MIB; written += chunk.length) yield chunk
  }
  await pipeline(Readable.from(chunks()), response).catch(() => undefined)
  return written
}

for (const [type, chunk] of [
  ['application/json', '['],
  ['text/plain', 'x'],
  ['text/event-stream', 'x'],
  ['text/event-stream; charset=utf-8', `data: ${'x'.repeat(1_000)}\r\n`],
] as const)
  t.test(
    `an endless ${type} of ${JSON.stringify(chunk.slice(0, 10))} is not read to its end`,
    async (t) => {
      let written: Promise<number> | undefined
      const url = await remote((method, _request, response) => {
        if (method === 'initialize') return initialized
        if (method !== 'tools/list') return undefined
        response.writeHead(200, { 'content-type': type })
        written = endless(response, Buffer.alloc(64 * 1024, chunk))
        return response
      })
      const error = await probe(url).catch((error) => error)
      t.match(error, { code: 'server-flooded', message: /more than 4 MiB/ })
      t.ok(((await written) ?? 0) < 32 * MIB)
    },
  )

t.test('a stream of events may be longer than one message may be', async (t) => {
  const comment = `: ${'x'.repeat(MIB)}\n\n`.repeat(6)
  const url = await remote((method, _request, response, id) => {
    if (method === 'initialize') return initialized
    if (method !== 'tools/list') return undefined
    const answer = JSON.stringify({ jsonrpc: '2.0', id, result: { tools: [tool('a')] } })
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    return response.end(`${comment}data: ${answer}\n\n`)
  })
  t.same(await probe(url), ['a'])
})

t.test('private addresses are refused unless the operator allows them', async (t) => {
  const url = await remote((method) => (method === 'initialize' ? initialized : { tools: [] }))
  for (const place of [url, url.replace('127.0.0.1', 'localhost'), 'http://169.254.169.254/mcp'])
    t.equal(await codeOf(probe(place, { allowPrivate: false })), 'private-address-refused', place)
  t.equal(await codeOf(probe('http://169.254.169.254/mcp')), 'private-address-refused')
})

t.test('without a sandbox no package is started', async (t) => {
  const runtime = {
    kind: 'npm',
    ...{ directory: 'servers/x', entry: 'x.js', lockSha256: '', treeSha256: '' },
    ...{ packages: 1, sizeBytes: 1 },
  } as const
  const configuration = { ...plain, arguments: [], secretNames: [] }
  const work = probeWith(true).probe(attempt, runtime, configuration, signal)
  t.equal(await codeOf(work), 'sandbox-unavailable')
})
