import { randomUUID } from 'node:crypto'
import t from 'tap'
import { installationStream } from '../../../domain/installer/installation.ts'
import { createEventCodec } from '../../../infra/eventstore/codec.ts'
import { installationRoutes } from '../../../services/audit/installation-routes.ts'
import { testApp } from '../../support/app.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'

const installationId = '11111111-1111-4111-8111-111111111111'
const attemptId = '22222222-2222-4222-8222-222222222222'
const configuration = { environment: {}, arguments: [], secretNames: [], network: 'none' }
const target = { kind: 'remote', url: 'https://files.example/mcp' }

t.test('an installation is shown as it was, with what led there', async (t) => {
  let clock = new Date('2026-01-01T00:00:00.000Z')
  const { store } = await freshPostgresStore(t, createEventCodec({ now: () => clock }))
  const { inject } = await testApp(t, installationRoutes({ store, now: () => clock }))
  const at = (time: string, type: string, data: object, actorId = 'key:ann') => {
    clock = new Date(time)
    const context = { tenantId: 'acme', actorId, correlationId: 'c', causationId: 'c' }
    const stream = installationStream('acme', installationId)
    const event = { id: randomUUID(), type, data: { installationId, ...data } }
    return store.append(stream, [event], 'any', context)
  }
  await at('2026-01-01T10:00:00.000Z', 'InstallationRequested', {
    attemptId,
    sourceId: 's',
    serverName: 'io.example/files',
    version: '1.0.0',
    target,
    configuration,
    requestedAt: '2026-01-01T10:00:00.000Z',
  })
  await at('2026-01-01T10:00:05.000Z', 'ServerInstalled', {
    attemptId,
    version: '1.0.0',
    runtime: target,
    tools: ['read'],
    installedAt: '2026-01-01T10:00:05.000Z',
  })
  await at(
    '2026-01-02T10:00:00.000Z',
    'ServerUpdated',
    {
      attemptId,
      from: '1.0.0',
      to: '2.0.0',
      runtime: target,
      tools: ['read', 'write'],
      updatedAt: '2026-01-02T10:00:00.000Z',
    },
    'key:bob',
  )
  const asOf = (time?: string) =>
    inject({
      url: `/v1/audit/installations/${installationId}${time === undefined ? '' : `?at=${time}`}`,
    })

  const before = (await asOf('2026-01-02T09:59:59.999Z')).json()
  t.match(before.installation, { status: 'installed', version: '1.0.0', tools: ['read'] })
  t.equal(before.events.length, 2)
  t.match(
    before.versions.map(({ version }: { version: string }) => version),
    ['1.0.0'],
  )
  t.notOk('tenantId' in before.installation)

  const installing = (await asOf('2026-01-01T10:00:00.000Z')).json()
  t.match(installing.installation, { status: 'installing', version: null })

  const now = (await asOf()).json()
  t.match(now.installation, { version: '2.0.0', changedAt: '2026-01-02T10:00:00.000Z' })
  t.match(now.events[2], { type: 'ServerUpdated', actorid: 'key:bob' })

  // By a process whose clock is an hour behind.
  await at('2026-01-02T09:00:00.000Z', 'ServerUninstalled', {
    uninstalledAt: '2026-01-02T09:00:00.000Z',
  })
  const behind = (await asOf('2026-01-02T09:30:00.000Z')).json()
  t.match(behind.installation, { status: 'uninstalled' }, 'the stream has the order')
  t.equal(behind.events.length, 4)

  const early = await asOf('2025-12-31T00:00:00Z')
  t.same([early.statusCode, early.json().code], [404, 'not-installed-then'])
  const foreign = await inject(
    { url: `/v1/audit/installations/${installationId}` },
    { tenantId: 'other' },
  )
  t.equal(foreign.statusCode, 404)
  for (const time of ['yesterday', '2016-12-31T23:59:60Z'])
    t.equal((await asOf(time)).statusCode, 400, time)
})
