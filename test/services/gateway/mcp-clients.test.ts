import t from 'tap'
import { callTool, connectedClient, type Era, testGateway } from '../../support/mcp-gateway.ts'
import { waitFor } from '../../support/wait-for.ts'

const ERAS: readonly Era[] = ['legacy', '2026-07-28']

for (const era of ERAS)
  t.test(`the SDK's client of the ${era} era`, async (t) => {
    const gateway = await testGateway(t)
    const installationId = await gateway.install()
    const client = await connectedClient(t, gateway, installationId, gateway.key(), era)

    t.test('sees the server itself', async (t) => {
      t.match(client.getServerVersion(), { name: 'fake' })
      t.equal(client.getInstructions(), 'Call echo.')
    })

    t.test('is offered nothing that would be a setting of the shared connection', async (t) => {
      t.same(client.getServerCapabilities(), {
        tools: { listChanged: true },
        prompts: { listChanged: true },
        resources: { listChanged: true },
        completions: {},
      })
    })

    t.test('lists and calls tools', async (t) => {
      const { tools } = await client.listTools()
      t.ok(tools.some(({ name }) => name === 'echo'))
      t.equal(await callTool(client, 'echo', { marker: 'héllo 🌊' }), 'héllo 🌊')
    })

    t.test('sees that a tool failed', async (t) => {
      t.match(await client.callTool({ name: 'fails', arguments: {} }), { isError: true })
    })

    t.test("gets the server's own error", async (t) => {
      await t.rejects(client.callTool({ name: 'nope', arguments: {} }), {
        code: -32602,
        message: /Unknown tool: nope/,
      })
    })

    t.test('reads resources and prompts, and completes', async (t) => {
      t.match(await client.listResources(), { resources: [{ uri: 'fake://one' }] })
      t.match(await client.readResource({ uri: 'fake://one' }), {
        contents: [{ text: 'first' }],
      })
      t.match(await client.listPrompts(), { prompts: [{ name: 'greet' }] })
      t.match(await client.getPrompt({ name: 'greet' }), {
        messages: [{ content: { text: 'prompt greet' } }],
      })
      const completion = await client.complete({
        ref: { type: 'ref/prompt', name: 'greet' },
        argument: { name: 'who', value: 'a' },
      })
      t.same(completion.completion.values, ['a', 'b'])
    })

    t.test('gets the code of its own era for a missing resource', async (t) => {
      await t.rejects(client.readResource({ uri: 'fake://two' }), {
        code: era === 'legacy' ? -32002 : -32602,
      })
    })

    t.test('hears of progress before the result', async (t) => {
      const heard: number[] = []
      await client.callTool(
        { name: 'progress', arguments: { steps: 3 } },
        { onprogress: ({ progress }) => heard.push(progress) },
      )
      t.same(heard, [1, 2, 3])
    })

    t.test('passes trace context on, and nothing of its own connection', async (t) => {
      const result = await client.callTool({
        name: 'meta',
        arguments: {},
        _meta: { traceparent: '00-1-2-03' },
      })
      t.match(result, { content: [{ text: JSON.stringify({ traceparent: '00-1-2-03' }) }] })
    })

    t.test('cancels a call that it does not wait for any more', async (t) => {
      const waiting = new AbortController()
      const call = client.callTool({ name: 'hang', arguments: {} }, { signal: waiting.signal })
      await waitFor(
        'the call to be under way',
        () => gateway.processes.live('acme')[0]?.inFlight === 1,
      )
      waiting.abort()
      await t.rejects(call)
      await waitFor('the server to be told', async () => {
        const told = JSON.parse(await callTool(client, 'cancelled'))
        return told.length > 0
      })
    })

    t.test('hears that the tools changed when another version becomes active', async (t) => {
      const changed = new Promise<void>((resolve) => {
        client.setNotificationHandler('notifications/tools/list_changed', async () => resolve())
      })
      if (era === 'legacy') await gateway.append(installationId, reconfigured)
      else {
        const subscription = await client.listen({ toolsListChanged: true })
        t.same(subscription.honoredFilter, { toolsListChanged: true })
        await gateway.append(installationId, reconfigured)
      }
      await changed
    })
  })

const reconfigured = {
  type: 'ConfigurationChanged',
  data: {
    configuration: {
      environment: {},
      arguments: ['--name=other'],
      secretNames: [],
      network: 'none',
    },
    changedAt: '2026-01-02T03:04:05.000Z',
  },
}

t.test('200 clients that all use the id 1 each get their own answer', async (t) => {
  const gateway = await testGateway(t)
  const installationId = await gateway.install()
  const url = `${gateway.url}/mcp/${installationId}`
  const markers = Array.from({ length: 200 }, (_, index) => `marker-${index}`)
  const answers = await Promise.all(
    markers.map(async (marker, index) => {
      const response = await fetch(url, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${gateway.key('acme', `client-${index}`)}`,
          'content-type': 'application/json',
          accept: 'application/json, text/event-stream',
          'mcp-protocol-version': '2026-07-28',
          'mcp-method': 'tools/call',
          'mcp-name': 'slow',
        },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'tools/call',
          params: {
            name: 'slow',
            arguments: { ms: Math.floor(Math.random() * 50), marker },
            _meta: {
              'io.modelcontextprotocol/protocolVersion': '2026-07-28',
              'io.modelcontextprotocol/clientCapabilities': {},
            },
          },
        }),
      })
      return response.json()
    }),
  )
  for (const [index, marker] of markers.entries())
    t.match(answers[index], { id: 1, result: { content: [{ text: marker }] } })
})
