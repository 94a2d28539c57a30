import t from 'tap'
import { initialize, MODERN, mcpWire, refused } from '../../support/mcp-wire.ts'

// D-… are the rows of the requirements list that the MCP specification gives for this transport.

const { gateway, key, endpoint, post } = await mcpWire(t)

/** The header that a new session is named by. */
async function session(): Promise<Readonly<Record<string, string>>> {
  const response = await post(initialize)
  await response.text()
  return { 'mcp-session-id': response.headers.get('mcp-session-id') ?? '' }
}

t.test('sessions have a random id and the version that the client asked for', async (t) => {
  const response = await post(initialize)
  t.match(response.headers.get('mcp-session-id'), /^[\w-]+\.[\w-]{22}\.[\w-]{43}$/)
  t.match(await response.json(), { id: 1, result: { protocolVersion: '2025-06-18' } })
  const future = {
    ...initialize,
    params: { ...initialize.params, protocolVersion: '1999-01-01' },
  }
  t.match(await (await post(future)).json(), { result: { protocolVersion: '2025-11-25' } })
})

t.test('sessions are needed even when there is exactly one (D-26)', async (t) => {
  const request = { jsonrpc: '2.0', id: 2, method: 'tools/list' }
  await refused(t, await post(request), 400, -32600)
  await refused(t, await post(request, { 'mcp-session-id': 'guess' }), 404, -32600)
  const { 'mcp-session-id': real = '' } = await session()
  const forged = { 'mcp-session-id': real.replace(/^./, (first) => (first === 'z' ? 'y' : 'z')) }
  await refused(t, await post(request, forged), 404, -32600)
  const notification = { jsonrpc: '2.0', method: 'notifications/initialized' }
  t.equal((await post(notification)).status, 400)
  t.equal((await post(notification, await session())).status, 202)
})

t.test('sessions belong to the actor, the tenant and the installation (D-26)', async (t) => {
  const own = await session()
  const request = { jsonrpc: '2.0', id: 2, method: 'ping' }
  t.match(await (await post(request, own)).json(), { id: 2, result: {} })
  const other = { ...own, authorization: `Bearer ${gateway.key('acme', 'somebody-else')}` }
  await refused(t, await post(request, other), 404, -32600)
  const elsewhere = `${gateway.url}/mcp/${await gateway.install()}`
  await refused(t, await post(request, own, elsewhere), 404, -32600)
})

t.test('sessions cannot be left by a modern header (D-28)', async (t) => {
  const request = { jsonrpc: '2.0', id: 2, method: 'tools/list' }
  await refused(t, await post(request, { 'mcp-protocol-version': MODERN }), 400, -32602)
  const own = await session()
  const wrong = { ...own, 'mcp-protocol-version': '1999-01-01' }
  await refused(t, await post(request, wrong), 400, -32600)
})

t.test('sessions end with DELETE, also when it calls itself JSON and has no body', async (t) => {
  for (const described of [{}, { 'content-type': 'application/json' }]) {
    const own = await session()
    const headers = { ...own, ...described, authorization: `Bearer ${key}` }
    t.equal((await fetch(endpoint, { method: 'DELETE', headers })).status, 204)
    t.equal((await fetch(endpoint, { method: 'DELETE', headers })).status, 404)
    const request = { jsonrpc: '2.0', id: 2, method: 'ping' }
    await refused(t, await post(request, own), 404, -32600)
  }
})

t.test('sessions have one event stream', async (t) => {
  const headers = {
    ...(await session()),
    authorization: `Bearer ${key}`,
    accept: 'text/event-stream',
  }
  const first = await fetch(endpoint, { headers })
  t.equal(first.status, 200)
  t.equal(first.headers.get('content-type'), 'text/event-stream')
  await refused(t, await fetch(endpoint, { headers }), 409, -32600)
  await first.body?.cancel()
  await refused(t, await fetch(endpoint, { headers: { ...headers, accept: '*/*' } }), 406, -32600)
  const { 'mcp-session-id': _none, ...sessionless } = headers as Record<string, string>
  await refused(t, await fetch(endpoint, { headers: sessionless }), 400, -32600)
})
