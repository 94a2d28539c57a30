import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import path from 'node:path'
import t from 'tap'
import { emptyDatabase } from '../support/database.ts'
import { freshNats } from '../support/nats.ts'
import {
  exitOf,
  launch,
  newDataDirectory,
  startTidemark,
  type TidemarkOptions,
} from '../support/program.ts'

t.setTimeout(240_000)

t.test('what is configured wrongly is told at once, one sentence a variable', async (t) => {
  const directory = newDataDirectory(t)
  const child = launch(t, directory, {
    databaseUrl: 'mysql://root:hunter2@host/db',
    natsUrl: 'nats://127.0.0.1:4222',
    environment: { TIDEMARK_ROLES: 'api,everything' },
  })
  t.same(await exitOf(child), { code: 2, signal: null })
  const output = readFileSync(path.join(directory, 'tidemark.log'), 'utf8').trim().split('\n')
  t.same(
    output.map((line) => line.split(' ')[0]),
    ['DATABASE_URL', 'TIDEMARK_ROLES'],
  )
  t.notMatch(output.join(), /hunter2|at .*\.ts/)
})

t.test('what keeps it from starting is one sentence', async (t) => {
  const database = await emptyDatabase(t)
  const taken = createServer()
  t.teardown(() => taken.close())
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as AddressInfo
  const servers = {
    databaseUrl: database.appUrl,
    databaseOwnerUrl: database.ownerUrl,
    natsUrl: 'nats://127.0.0.1:4222',
  }
  const told = async (options: TidemarkOptions) => {
    const directory = newDataDirectory(t)
    const environment = { TIDEMARK_ROLES: 'api,projector', SANDBOX: 'none', ...options.environment }
    t.same(await exitOf(launch(t, directory, { ...options, environment })), {
      code: 1,
      signal: null,
    })
    const log = readFileSync(path.join(directory, 'tidemark.log'), 'utf8')
    return log.split('\n').filter((line) => line !== '' && !line.startsWith('{'))
  }
  const noStore = { EVENTSTORE_URL: 'esdb://127.0.0.1:2113' }
  t.match(await told({ ...servers, environment: noStore }), [
    /^EVENTSTORE_URL cannot be used: .*tls/,
  ])
  const notOwner = { ...servers, databaseOwnerUrl: database.ownerUrl.replace(/[^/]+$/, 'nothing') }
  t.match(await told(notOwner), [/^The database cannot be brought up to date: .*nothing/])
  t.match(await told({ ...servers, environment: { PORT: String(port) } }), [
    /^HOST and PORT cannot be listened on: .*EADDRINUSE/,
  ])
  t.match(
    await told(servers),
    [
      /^The keys cannot be used: No secret-key file in \S+ is the key file:[0-9a-f]{16}, .*put back/,
    ],
    'another data directory than the one that this database was used with',
  )
})

t.test('the roles can be in processes of their own', async (t) => {
  const database = await emptyDatabase(t)
  const nats = await freshNats(t)
  const servers = {
    databaseUrl: database.appUrl,
    databaseOwnerUrl: database.ownerUrl,
    natsUrl: nats.url,
    dataDirectory: newDataDirectory(t),
  }
  const inRole = (TIDEMARK_ROLES: string) => ({
    ...servers,
    environment: { TIDEMARK_ROLES, SANDBOX: 'none' },
  })
  const behind = await startTidemark(t, inRole('relay,projector,reactors,jobs'))
  t.equal((await behind.request('/v1/whoami')).status, 404, 'it has no API')
  t.equal((await behind.request('/health/live', { key: null })).status, 200)

  const front = await startTidemark(t, { ...inRole('api'), output: '/dev/full' })
  t.equal(front.key, behind.key, 'both started on one data directory')
  const { key } = await front.json<{ key: string }>('/v1/keys', {
    body: { name: 'new', scopes: ['catalogue:read'] },
  })
  t.equal((await front.request('/v1/whoami', { key })).status, 200, 'its read models are kept')
  t.match(await front.json('/v1/audit/verifications', { method: 'POST' }), { identical: true })
  t.same(await front.stop(), { code: 0, signal: null }, 'a log that takes nothing is no reason')
  t.same(await behind.stop(), { code: 0, signal: null })
})
