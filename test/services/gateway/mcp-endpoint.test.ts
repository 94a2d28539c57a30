import t from 'tap'
import { callTool, connectedClient, testGateway } from '../../support/mcp-gateway.ts'
import {
  envelope,
  headersFor,
  initialize,
  MODERN,
  mcpWire,
  modern,
  refused,
} from '../../support/mcp-wire.ts'
import { waitFor } from '../../support/wait-for.ts'

// What is on the wire, without a client that would put it right. D-… are the rows of the
// requirements list that the MCP specification gives for this transport.

const { gateway, key, endpoint, post } = await mcpWire(t)
const echo = modern('tools/call', { name: 'echo', arguments: { marker: 'm' } })
const echoHeaders = headersFor('tools/call', 'echo')

t.test('a stateless call is answered with one JSON document', async (t) => {
  const response = await post(echo, echoHeaders)
  t.equal(response.status, 200)
  t.match(response.headers.get('content-type'), /^application\/json/)
  t.match(await response.json(), {
    jsonrpc: '2.0',
    id: 7,
    result: { resultType: 'complete', content: [{ text: 'm' }] },
  })
})

t.test('lists say how long and for whom they hold (D-22)', async (t) => {
  const response = await post(modern('tools/list'), headersFor('tools/list'))
  t.match(await response.json(), { result: { ttlMs: 0, cacheScope: 'private' } })
})

t.test('server/discover is answered (D-17)', async (t) => {
  const response = await post(modern('server/discover'), headersFor('server/discover'))
  t.match(await response.json(), {
    result: { supportedVersions: [MODERN], capabilities: { tools: {} }, resultType: 'complete' },
  })
})

t.test('a header that is missing or not as in the body is refused (D-05, D-06)', async (t) => {
  const { 'mcp-name': _name, ...nameless } = echoHeaders
  const { 'mcp-method': _method, ...methodless } = echoHeaders
  const { 'mcp-protocol-version': _version, ...versionless } = echoHeaders
  for (const headers of [nameless, methodless, versionless])
    await refused(t, await post(echo, headers), 400, -32020)
  for (const wrong of [
    { 'mcp-name': 'other' },
    { 'mcp-name': '=?base64?!?=' },
    { 'mcp-method': 'tools/list' },
    { 'mcp-protocol-version': '2025-11-25' },
  ])
    await refused(t, await post(echo, { ...echoHeaders, ...wrong }), 400, -32020)
})

t.test('a name in Base64 is compared decoded (D-06)', async (t) => {
  const name = 'wörk 🌊'
  const header = `=?base64?${Buffer.from(name).toString('base64')}?=`
  const body = modern('tools/call', { name, arguments: {} })
  await refused(t, await post(body, headersFor('tools/call', header)), 200, -32602)
})

t.test('another version is refused with the supported ones (D-09)', async (t) => {
  const meta = { ...envelope, 'io.modelcontextprotocol/protocolVersion': '2099-01-01' }
  const headers = { ...headersFor('tools/list'), 'mcp-protocol-version': '2099-01-01' }
  const body = await refused(t, await post(modern('tools/list', {}, meta), headers), 400, -32022)
  t.match(body, { id: 7, error: { data: { supported: [MODERN], requested: '2099-01-01' } } })
})

t.test('an unknown method is 404 (D-10)', async (t) => {
  for (const method of ['nope', 'ping', 'initialize', 'logging/setLevel', 'resources/subscribe'])
    await refused(t, await post(modern(method), headersFor(method)), 404, -32601)
})

t.test('an envelope that is not whole is refused (D-11)', async (t) => {
  const { 'io.modelcontextprotocol/clientCapabilities': _gone, ...half } = envelope
  await refused(
    t,
    await post(modern('tools/list', {}, half), headersFor('tools/list')),
    400,
    -32602,
  )
  const bare = { jsonrpc: '2.0', id: 7, method: 'tools/list', params: {} }
  await refused(t, await post(bare, headersFor('tools/list')), 400, -32602)
})

t.test('a body is one request or one notification (D-03)', async (t) => {
  for (const body of [
    [echo],
    [],
    [initialize, initialize],
    { jsonrpc: '2.0', id: 1, result: {} },
    { jsonrpc: '2.0', id: 1, error: { code: 1, message: 'x' } },
    { jsonrpc: '2.0', id: null, method: 'tools/list' },
    { jsonrpc: '2.0', id: 1.5, method: 'tools/list' },
    { jsonrpc: '1.0', id: 1, method: 'tools/list' },
    { id: 1 },
    'null',
    '"text"',
  ])
    await refused(t, await post(body), 400, -32600)
})

t.test('a notification is accepted without a body (D-04)', async (t) => {
  const response = await post(
    {
      jsonrpc: '2.0',
      method: 'notifications/cancelled',
      params: { requestId: 1, _meta: envelope },
    },
    headersFor('notifications/cancelled'),
  )
  t.equal(response.status, 202)
  t.equal(await response.text(), '')
})

t.test('what is no JSON, or hostile JSON, is a JSON-RPC error', async (t) => {
  await refused(t, await post('{"jsonrpc"'), 400, -32700)
  await refused(t, await post('{"__proto__":{"id":1}}'), 400, -32600)
  await refused(t, await post(`${'['.repeat(5_000)}${']'.repeat(5_000)}`), 400, -32600)
  await refused(t, await post('x'.repeat(5 * 1024 * 1024)), 413, -32600)
  await refused(t, await post('x=1', { 'content-type': 'text/plain' }), 415, -32600)
})

t.test('four mebibytes of arguments pass', async (t) => {
  const marker = 'x'.repeat(3 * 1024 * 1024)
  const body = modern('tools/call', { name: 'echo', arguments: { marker } })
  const answer = (await (await post(body, echoHeaders)).json()) as {
    readonly result: { readonly content: readonly { readonly text: string }[] }
  }
  t.equal(answer.result.content[0]?.text.length, marker.length)
})

t.test('an unknown installation is 404, and so is another tenant’s', async (t) => {
  const unknown = `${gateway.url}/mcp/00000000-0000-4000-8000-000000000000`
  const none = await refused(t, await post(echo, echoHeaders, unknown), 404, -32600)
  const foreign = { authorization: `Bearer ${gateway.key('other')}` }
  const other = await refused(t, await post(echo, { ...echoHeaders, ...foreign }), 404, -32600)
  t.same(other, none)
  t.equal((await post(echo, echoHeaders, `${gateway.url}/mcp/not-an-id`)).status, 400)
})

t.test('without a key, and from a foreign page, nothing is answered', async (t) => {
  t.equal((await post(echo, { ...echoHeaders, authorization: 'Bearer nope' })).status, 401)
  t.equal((await post(echo, { ...echoHeaders, origin: 'https://evil.example' })).status, 403)
})

t.test('closing the connection of a stateless call cancels it (D-14)', async (t) => {
  const waiting = new AbortController()
  const body = JSON.stringify(modern('tools/call', { name: 'hang', arguments: {} }))
  const headers = {
    ...headersFor('tools/call', 'hang'),
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
  }
  const call = fetch(endpoint, { method: 'POST', headers, body, signal: waiting.signal })
  await waitFor('the call to be under way', () =>
    gateway.processes.live('acme').some(({ inFlight }) => inFlight === 1),
  )
  waiting.abort()
  await t.rejects(call)
  await waitFor('the call to be given up', () =>
    gateway.processes.live('acme').every(({ inFlight }) => inFlight === 0),
  )
})

t.test(
  'a subscription is acknowledged with what it will tell, tagged with its id (D-16)',
  async (t) => {
    const response = await post(
      modern('subscriptions/listen', {
        notifications: { toolsListChanged: true, resourceSubscriptions: ['fake://one'] },
      }),
      headersFor('subscriptions/listen'),
    )
    t.equal(response.headers.get('x-accel-buffering'), 'no')
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    const first = (await reader?.read())?.value ?? ''
    await reader?.cancel()
    t.match(JSON.parse(first.split('data: ')[1] ?? ''), {
      method: 'notifications/subscriptions/acknowledged',
      params: {
        notifications: { toolsListChanged: true },
        _meta: { 'io.modelcontextprotocol/subscriptionId': 7 },
      },
    })
    const without = modern('subscriptions/listen')
    await refused(t, await post(without, headersFor('subscriptions/listen')), 400, -32602)
  },
)

t.test(
  'every call of a tool is recorded: who, which, how long, how it ended, and nothing else',
  async (t) => {
    const own = await testGateway(t)
    const id = await own.install()
    const client = await connectedClient(t, own, id, own.key('acme', 'ann'))
    await callTool(client, 'echo', { marker: 'secret argument' })
    await callTool(client, 'fails')
    await client.callTool({ name: 'nope', arguments: {} }).catch(() => undefined)
    await client.listTools()
    await own.usage[Symbol.asyncDispose]()
    const events = await own.events('ToolCalled')
    t.same(
      events.map(({ data, actorId }) => [actorId, data.tool, data.outcome]),
      [
        ['ann', 'echo', 'ok'],
        ['ann', 'fails', 'tool-error'],
        ['ann', 'nope', 'protocol-error'],
      ],
    )
    for (const { data, raw } of events) {
      t.match(data, {
        installationId: id,
        serverName: 'io.example/fake',
        version: '1.0.0',
        requestBytes: Number,
        responseBytes: Number,
        durationMs: Number,
      })
      t.notMatch(raw.data, /secret argument|it did not work/)
    }
  },
)
