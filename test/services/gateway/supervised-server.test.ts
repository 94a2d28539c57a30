import t from 'tap'
import { v5 as uuidOf } from 'uuid'
import { gatewayCommands } from '../../../services/gateway/platform-commands.ts'
import { gatherCommands } from '../../../services/kernel/platform-command.ts'
import { callTool, connectedClient, testGateway } from '../../support/mcp-gateway.ts'
import { openSandbox } from '../../support/mcp-sandbox.ts'
import { FAST, refusal, running, stops } from '../../support/supervision.ts'
import { waitFor } from '../../support/wait-for.ts'

t.test('a server starts with the first call and is shared by all callers', async (t) => {
  const sandbox = openSandbox(t)
  const gateway = await testGateway(t, { sandbox })
  const installationId = await gateway.install()
  t.equal(sandbox.started.length, 0)
  const clients = await Promise.all(
    ['ann', 'bob', 'cid'].map((actor) =>
      connectedClient(t, gateway, installationId, gateway.key('acme', actor)),
    ),
  )
  const pids = await Promise.all(clients.map((client) => callTool(client, 'pid')))
  t.equal(new Set(pids).size, 1)
  t.equal(sandbox.started.length, 1)
  const [started] = await waitFor('the start to be recorded', async () => {
    const events = await gateway.events('ServerProcessStarted')
    return events.length > 0 && events
  })
  t.match(started, { tenantId: 'acme', data: { installationId, sandbox: 'none' } })
})

t.test(
  'a call in flight fails within a second when the server crashes, and the server comes back',
  async (t) => {
    const gateway = await testGateway(t, { settings: FAST })
    const installationId = await gateway.install()
    const client = await connectedClient(t, gateway, installationId, gateway.key())
    const before = await callTool(client, 'pid')
    const start = performance.now()
    const hanging = client.callTool({ name: 'hang', arguments: {} })
    await Promise.all([
      t.rejects(hanging, { message: /lost before it answered/, data: { code: 'server-lost' } }),
      t.rejects(client.callTool({ name: 'crash', arguments: {} }), refusal('server-lost')),
    ])
    t.ok(performance.now() - start < 1_000)
    await waitFor('the server to be started without a call', () => running(gateway) === 1)
    t.not(await callTool(client, 'pid'), before)
    await waitFor('the crash to be recorded', async () => (await stops(gateway)).length > 0)
    t.match((await stops(gateway))[0], { installationId, reason: 'exited', exitCode: 7 })
  },
)

t.test('a server that keeps dying is quarantined until somebody lifts it', async (t) => {
  const sandbox = openSandbox(t)
  const gateway = await testGateway(t, { settings: FAST, sandbox })
  const installationId = await gateway.install({ arguments: ['--die-at-start'] })
  const headers = { authorization: `Bearer ${gateway.key()}` }
  const lift = () =>
    fetch(`${gateway.url}/v1/installations/${installationId}/quarantine/lift`, {
      method: 'POST',
      headers,
    })
  t.equal((await lift()).status, 409)
  await t.rejects(
    connectedClient(t, gateway, installationId, gateway.key()),
    refusal('server-start-failed'),
  )
  const [event] = await waitFor('the quarantine', async () => {
    const events = await gateway.events('ServerQuarantined')
    return events.length > 0 && events
  })
  t.match(event?.data, { installationId, failures: 5, cause: 'The process ended with code 3.' })
  t.equal(sandbox.started.length, 5)
  await t.rejects(connectedClient(t, gateway, installationId, gateway.key()), {
    message: /stopped after 5 failures: The process ended with code 3/,
    data: { code: 'server-quarantined' },
  })
  t.equal(sandbox.started.length, 5, 'nothing is started while it is quarantined')
  const lifted = await lift()
  t.equal(lifted.status, 200)
  t.match(await lifted.json(), { position: /^\d+$/ })
  await t.rejects(
    connectedClient(t, gateway, installationId, gateway.key()),
    refusal('server-start-failed'),
  )
  t.ok(sandbox.started.length > 5)
})

t.test('another configuration ends a quarantine, another gateway respects it', async (t) => {
  const gateway = await testGateway(t, { settings: FAST })
  const installationId = await gateway.install({ arguments: ['--die-at-start'] })
  await t.rejects(connectedClient(t, gateway, installationId, gateway.key()))
  await waitFor(
    'the quarantine',
    async () => (await gateway.events('ServerQuarantined')).length === 1,
  )
  await gateway.append(installationId, {
    type: 'ConfigurationChanged',
    data: {
      configuration: { environment: {}, arguments: [], secretNames: [], network: 'none' },
      changedAt: '2026-01-02T03:04:05.000Z',
    },
  })
  const client = await waitFor('the new configuration to be used', () =>
    connectedClient(t, gateway, installationId, gateway.key()).catch(() => undefined),
  )
  t.equal(await callTool(client, 'echo', { marker: 'back' }), 'back')
})

t.test(
  'a command stops a running server, through new configurations, until it is lifted',
  async (t) => {
    const gateway = await testGateway(t, { settings: FAST })
    const installationId = await gateway.install()
    const client = await connectedClient(t, gateway, installationId, gateway.key())
    const pid = await callTool(client, 'pid')
    const commands = gatherCommands(
      gatewayCommands({ store: gateway.store, now: () => new Date() }),
    )
    const perform = async (name: string, input: object) =>
      commands.get(name)?.perform(input, {
        ...{ tenantId: 'acme', actorId: 'key:ann', correlationId: 'c', causationId: 'e' },
        commandId: uuidOf(name, installationId),
      })
    const stop = { installationId, cause: 'Too many calls.' }
    await t.rejects(perform('stop', { installationId }), /parameters of "stop" do not fit/)
    const first = await perform('stop', stop)
    t.same(await perform('stop', { ...stop, cause: 'Again.' }), first, 'one command, once')
    t.match(
      (await gateway.events('ServerQuarantined')).map(({ data }) => data),
      [{ cause: 'Too many calls.', untilLifted: true }],
    )
    await waitFor('it to stop', () => running(gateway) === 0)
    await gateway.append(installationId, {
      type: 'ConfigurationChanged',
      data: {
        configuration: { environment: {}, arguments: [], secretNames: [], network: 'none' },
        changedAt: '2026-01-02T03:04:05.000Z',
      },
    })
    await t.rejects(callTool(client, 'pid'), {
      message: /was stopped: Too many calls\./,
      data: { code: 'server-quarantined' },
    })
    await perform('lift-quarantine', { installationId })
    const again = await waitFor('it to start', () => callTool(client, 'pid').catch(() => undefined))
    t.not(again, pid)
  },
)

t.test('an idle server is stopped, and started again by the next call', async (t) => {
  const gateway = await testGateway(t, { settings: { idleMs: 100 } })
  const installationId = await gateway.install()
  const client = await connectedClient(t, gateway, installationId, gateway.key())
  t.equal(
    await callTool(client, 'slow', { ms: 300, marker: 'a call is no idleness' }),
    'a call is no idleness',
  )
  const pid = await callTool(client, 'pid')
  await waitFor('it to stop', () => running(gateway) === 0)
  t.not(await callTool(client, 'pid'), pid)
  await waitFor('the stop to be recorded', async () => (await stops(gateway)).length > 0)
  t.match((await stops(gateway))[0], { reason: 'idle', exitCode: 0 })
})

t.test('another version takes over at once while the old one finishes its calls', async (t) => {
  const gateway = await testGateway(t)
  const installationId = await gateway.install({ arguments: ['--name=old'] })
  const client = await connectedClient(t, gateway, installationId, gateway.key())
  const oldPid = await callTool(client, 'pid')
  const slow = callTool(client, 'slow', { ms: 600, marker: 'finished' })
  await waitFor(
    'the slow call to be under way',
    () => gateway.processes.live('acme')[0]?.inFlight === 1,
  )
  await gateway.append(installationId, {
    type: 'ConfigurationChanged',
    data: {
      configuration: {
        environment: {},
        arguments: ['--name=new'],
        secretNames: [],
        network: 'none',
      },
      changedAt: '2026-01-02T03:04:05.000Z',
    },
  })
  const newPid = await callTool(client, 'pid')
  t.not(newPid, oldPid, 'the first call after the change')
  t.ok(gateway.processes.live('acme').some(({ draining }) => draining))
  t.equal(await slow, 'finished')
  await waitFor('the old one to go', () => running(gateway) === 1)
  t.equal(await callTool(client, 'pid'), newPid)
  await waitFor('the stop to be recorded', async () => (await stops(gateway)).length > 0)
  t.match((await stops(gateway))[0], { reason: 'replaced' })
})

t.test('an uninstalled server is stopped and cannot be called any more', async (t) => {
  const gateway = await testGateway(t)
  const installationId = await gateway.install()
  const client = await connectedClient(t, gateway, installationId, gateway.key())
  await callTool(client, 'pid')
  await gateway.append(installationId, {
    type: 'ServerUninstalled',
    data: { version: '1.0.0', uninstalledAt: '2026-01-02T03:04:05.000Z' },
  })
  await waitFor('it to stop', () => running(gateway) === 0)
  await t.rejects(client.callTool({ name: 'pid', arguments: {} }), { message: /404|No server/ })
})
