import { randomUUID } from 'node:crypto'
import t from 'tap'
import { streamName } from '../../../domain/kernel/ids.ts'
import {
  createInstalledServers,
  tellingAppends,
} from '../../../services/gateway/installed-servers.ts'
import { testGateway } from '../../support/mcp-gateway.ts'

const context = { tenantId: 'acme', actorId: 'a', correlationId: 'c', causationId: 'c' }

t.test('who appends through it finds what was appended, whatever was cached', async (t) => {
  const { store, install } = await testGateway(t)
  const installationId = await install()
  const installed = createInstalledServers(store)
  installed.cache(true)
  const find = async () => (await installed.find('acme', installationId))?.configuration.arguments
  const configured = (argument: string) => {
    const configuration = {
      environment: {},
      arguments: [argument],
      secretNames: [],
      network: 'none',
    }
    const changedAt = '2026-01-02T03:04:05.000Z'
    const data = { installationId, configuration, changedAt }
    return [{ id: randomUUID(), type: 'ConfigurationChanged', data }]
  }
  const stream = streamName('installation', 'acme', installationId)
  t.same(await find(), [])
  await store.append(stream, configured('elsewhere'), 'any', context)
  t.same(await find(), [], 'nobody told it')
  const told = tellingAppends(store, (changed) => installed.forgetStream(changed))
  await told.append(stream, configured('here'), 'any', context)
  t.same(await find(), ['here'])
})
