import t from 'tap'
import { callTool, connectedClient, testGateway } from '../../support/mcp-gateway.ts'
import { openSandbox } from '../../support/mcp-sandbox.ts'
import { FAST, refusal, running, stops } from '../../support/supervision.ts'
import { waitFor } from '../../support/wait-for.ts'

t.test('a server that answers nothing fails its start in time', async (t) => {
  const gateway = await testGateway(t, { settings: { ...FAST, startTimeoutMs: 300 } })
  const installationId = await gateway.install({ arguments: ['--mute'] })
  await t.rejects(
    connectedClient(t, gateway, installationId, gateway.key()),
    refusal('server-start-failed'),
  )
})

t.test(
  'a call without an answer times out, and the server is asked for a sign of life',
  async (t) => {
    const gateway = await testGateway(t, { callTimeoutMs: 200 })
    const installationId = await gateway.install()
    const client = await connectedClient(t, gateway, installationId, gateway.key())
    await t.rejects(client.callTool({ name: 'hang', arguments: {} }), {
      message: /did not answer within 200 ms/,
      data: { code: 'call-timeout' },
    })
    t.equal(await callTool(client, 'echo', { marker: 'alive' }), 'alive')
  },
)

t.test('progress keeps a long call alive', async (t) => {
  const gateway = await testGateway(t, { callTimeoutMs: 150 })
  const installationId = await gateway.install()
  const client = await connectedClient(t, gateway, installationId, gateway.key())
  const result = await client.callTool(
    { name: 'progress', arguments: { steps: 10 } },
    { onprogress: () => undefined },
  )
  t.match(result, { content: [{ text: 'done' }] })
})

t.test('a server that stopped answering pings is replaced', async (t) => {
  const sandbox = openSandbox(t)
  const settings = { ...FAST, healthEveryMs: 50, healthTimeoutMs: 200 }
  const gateway = await testGateway(t, { settings, sandbox })
  const installationId = await gateway.install()
  const client = await connectedClient(t, gateway, installationId, gateway.key())
  const pid = Number(await callTool(client, 'pid'))
  process.kill(pid, 'SIGSTOP')
  await waitFor('another process', () => sandbox.started.length > 1)
  await waitFor('the stop to be recorded', async () => (await stops(gateway)).length > 0)
  t.match((await stops(gateway))[0], { reason: 'unhealthy' })
  t.not(Number(await callTool(client, 'pid')), pid)
})

for (const tool of ['flood', 'long-line'])
  t.test(
    `a server whose tool is "${tool}" is ended, and its neighbour does not notice`,
    async (t) => {
      const gateway = await testGateway(t, { settings: FAST })
      const [bad, good] = await Promise.all([gateway.install(), gateway.install()])
      const client = await connectedClient(t, gateway, bad, gateway.key())
      const neighbour = await connectedClient(t, gateway, good, gateway.key())
      const before = process.memoryUsage().rss
      const start = performance.now()
      await t.rejects(client.callTool({ name: tool, arguments: {} }), refusal('server-lost'))
      // A busy machine gets three times the second.
      t.ok(performance.now() - start < 3_000)
      t.ok(process.memoryUsage().rss - before < 50 * 1024 * 1024, 'it is not kept in memory')
      t.equal(await callTool(neighbour, 'echo', { marker: 'fine' }), 'fine')
      await waitFor('the end to be recorded', async () => (await stops(gateway)).length > 0)
      t.match((await stops(gateway))[0], { reason: 'misbehaved', detail: /^It wrote/ })
    },
  )

t.test('lines that are no messages, and answers to nobody, harm nobody', async (t) => {
  const gateway = await testGateway(t)
  const installationId = await gateway.install()
  const client = await connectedClient(t, gateway, installationId, gateway.key())
  const marker = 'the right answer'
  t.equal(await callTool(client, 'garbage-first', { marker }), marker)
  t.equal(await callTool(client, 'echo', { marker: 'again' }), 'again')
})

t.test('a server that ignores the end of its input and SIGTERM is killed', async (t) => {
  const sandbox = openSandbox(t)
  const gateway = await testGateway(t, { settings: { idleMs: 50 }, sandbox })
  const installationId = await gateway.install({ arguments: ['--ignore-end'] })
  const client = await connectedClient(t, gateway, installationId, gateway.key())
  await callTool(client, 'pid')
  await waitFor('it to stop', () => running(gateway) === 0)
  t.match(await sandbox.started[0]?.exited, { signal: 'SIGKILL' })
})

t.test('a call while an idle server takes its time to end is answered by another', async (t) => {
  const gateway = await testGateway(t, { settings: { idleMs: 50 } })
  const installationId = await gateway.install({ arguments: ['--ignore-end'] })
  const client = await connectedClient(t, gateway, installationId, gateway.key())
  const pid = await callTool(client, 'pid')
  await waitFor('it to be on its way', () => gateway.processes.live('acme')[0]?.draining)
  t.not(await callTool(client, 'pid'), pid)
  await waitFor('the stop to be recorded', async () => (await stops(gateway)).length > 0)
  t.match((await stops(gateway))[0], { reason: 'idle' })
})

t.test('more calls at the same time than a server may have are refused', async (t) => {
  const gateway = await testGateway(t, { settings: { maxInFlight: 1 } })
  const installationId = await gateway.install()
  const client = await connectedClient(t, gateway, installationId, gateway.key())
  const slow = callTool(client, 'slow', { ms: 300, marker: 'first' })
  await waitFor(
    'the first call to be under way',
    () => gateway.processes.live('acme')[0]?.inFlight === 1,
  )
  await t.rejects(client.callTool({ name: 'echo', arguments: {} }), refusal('server-busy'))
  t.equal(await slow, 'first')
})
