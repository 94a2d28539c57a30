import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { toNodeHandler } from '@modelcontextprotocol/node'
import { createMcpHandler, fromJsonSchema, McpServer } from '@modelcontextprotocol/server'
import t from 'tap'
import { createSandbox } from '../../../infra/sandbox/sandbox.ts'
import { callTool, connectedClient, type Era, testGateway } from '../../support/mcp-gateway.ts'
import { FAKE_RUNTIME } from '../../support/mcp-sandbox.ts'
import { waitFor } from '../../support/wait-for.ts'

type Test = { readonly teardown: (close: () => Promise<void>) => void }

/** An SDK server on loopback. @param legacy whether it also serves clients of before 2026-07-28. */
async function remoteServer(t: Test, legacy: 'stateless' | 'reject') {
  const seen: string[] = []
  const handler = createMcpHandler(
    ({ requestInfo }) => {
      seen.push(requestInfo?.headers.get('x-token') ?? '')
      const server = new McpServer({ name: 'remote', version: '1.0.0' })
      const inputSchema = fromJsonSchema<{ readonly marker: string }>({
        type: 'object',
        properties: { marker: { type: 'string' } },
      })
      server.registerTool('echo', { inputSchema }, async ({ marker }) => ({
        content: [{ type: 'text', text: marker }],
      }))
      return server
    },
    { legacy },
  )
  // Its type wants optional properties to be absent, Node's are undefined.
  const http = createServer(toNodeHandler(handler) as unknown as RequestListener)
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  const close = async () => {
    http.closeAllConnections()
    await new Promise((resolve) => http.close(resolve))
  }
  t.teardown(close)
  return { seen, close, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/` }
}

for (const [era, upstream] of [
  ['legacy', 'reject'],
  ['2026-07-28', 'reject'],
  ['legacy', 'stateless'],
] as const satisfies readonly (readonly [Era, string])[])
  t.test(
    `a ${era} client calls a remote server that is "${upstream}" to the old era`,
    async (t) => {
      const remote = await remoteServer(t, upstream)
      const gateway = await testGateway(t, {
        secrets: { 'x-token': 'only-for-the-remote', other: 'no' },
      })
      const runtime = { kind: 'remote', url: remote.url } as const
      const installationId = await gateway.install({ runtime, secretNames: ['x-token'] })
      const client = await connectedClient(t, gateway, installationId, gateway.key(), era)
      t.match(client.getServerVersion(), { name: 'remote' })
      t.match(await client.listTools(), { tools: [{ name: 'echo' }] })
      t.equal(await callTool(client, 'echo', { marker: 'far' }), 'far')
      t.ok(remote.seen.includes('only-for-the-remote'))
      t.notOk(remote.seen.includes(gateway.key()), 'the caller’s own key stays here')
      t.same(await gateway.events('ServerProcessStarted'), [])
    },
  )

t.test('a remote server that is away is an error, not a quarantine', async (t) => {
  const remote = await remoteServer(t, 'reject')
  const restart = { baseDelayMs: 1, maxDelayMs: 2, windowMs: 60_000, maxFailures: 2 }
  const gateway = await testGateway(t, { settings: { restart } })
  const installationId = await gateway.install({ runtime: { kind: 'remote', url: remote.url } })
  await remote.close()
  for (let attempt = 0; attempt < 4; attempt++)
    await t.rejects(connectedClient(t, gateway, installationId, gateway.key()), {
      message: /did not start: It could not be reached/,
    })
  t.same(await gateway.events('ServerQuarantined'), [])
})

t.test('in bubblewrap', async (t) => {
  const dataDirectory = mkdtempSync(path.join(tmpdir(), 'tidemark-gateway-'))
  t.teardown(async () => rmSync(dataDirectory, { recursive: true, force: true }))
  cpSync(
    path.join(FAKE_RUNTIME.directory, FAKE_RUNTIME.entry),
    path.join(dataDirectory, 'servers', 'v1', FAKE_RUNTIME.entry),
  )
  const sandbox = await createSandbox({
    dataDir: dataDirectory,
    setting: 'auto',
    bwrap: process.env.BWRAP_BIN,
  })
  if (!sandbox.status.available) {
    t.comment(`Skipped: ${sandbox.status.reason}`)
    return
  }
  const runtime = { ...FAKE_RUNTIME, directory: 'servers/v1' }

  t.test('a server answers, knows its secrets and nothing of the gateway', async (t) => {
    const gateway = await testGateway(t, { sandbox, secrets: { TOKEN: 's3cret', OTHER: 'no' } })
    const installationId = await gateway.install({ runtime, secretNames: ['TOKEN'] })
    const client = await connectedClient(t, gateway, installationId, gateway.key())
    t.equal(await callTool(client, 'echo', { marker: 'inside' }), 'inside')
    const environment = JSON.parse(await callTool(client, 'environment'))
    t.equal(environment.TOKEN, 's3cret')
    t.equal(environment.OTHER, undefined)
    t.equal(environment.TEST_POSTGRES_URL, undefined)
    const [started] = await waitFor('the start to be recorded', async () => {
      const events = await gateway.events('ServerProcessStarted')
      return events.length > 0 && events
    })
    t.match(started?.data, { sandbox: 'bubblewrap' })
    t.notMatch(JSON.stringify(started?.raw), /s3cret/)
  })

  t.test('a server that crashes comes back, one that is idle goes', async (t) => {
    const restart = { baseDelayMs: 10, maxDelayMs: 50, windowMs: 60_000, maxFailures: 5 }
    const gateway = await testGateway(t, { sandbox, settings: { restart, idleMs: 1_500 } })
    const installationId = await gateway.install({ runtime })
    const client = await connectedClient(t, gateway, installationId, gateway.key())
    await t.rejects(client.callTool({ name: 'crash', arguments: {} }))
    t.equal(await callTool(client, 'echo', { marker: 'again' }), 'again')
    await waitFor('it to stop', () => gateway.processes.live('acme').length === 0)
    const stops = await waitFor('both ends to be recorded', async () => {
      const events = await gateway.events('ServerProcessStopped')
      return events.length === 2 && events
    })
    t.same(
      stops.map(({ data }) => data.reason),
      ['exited', 'idle'],
    )
  })
})
