import path from 'node:path'
import t from 'tap'
import { ConfigError, readConfig } from '../../../services/main/config.ts'

const needed = {
  DATABASE_URL: 'postgres://app:secret@127.0.0.1:5432/tidemark',
  NATS_URL: 'nats://127.0.0.1:4222',
}

t.test('what is not said has a safe default', async (t) => {
  t.match(readConfig(needed), {
    host: '127.0.0.1',
    port: 7420,
    dataDirectory: path.resolve('.data'),
    eventStoreUrl: undefined,
    sandbox: 'auto',
    publicCatalogue: false,
    metricsPublic: false,
    allowPrivateUpstreams: false,
    allowPrivateWebhooks: false,
    registryFileRoots: [],
    feedClients: 10_000,
    feedClientsPerKey: 100,
    logLevel: 'info',
  })
  t.same(
    [...readConfig(needed).roles],
    ['api', 'gateway', 'relay', 'projector', 'reactors', 'jobs'],
  )
})

t.test('an empty variable is as good as none', async (t) => {
  t.equal(readConfig({ ...needed, PORT: '', TIDEMARK_ROLES: '' }).port, 7420)
})

t.test('lists are lists', async (t) => {
  const config = readConfig({
    ...needed,
    TIDEMARK_ROLES: 'relay,api',
    REGISTRY_FILE_ROOTS: '/a:/b',
  })
  t.same([...config.roles], ['api', 'relay'])
  t.same(config.registryFileRoots, ['/a', '/b'])
})

t.test('what the command line says wins', async (t) => {
  const environment = { ...needed, TIDEMARK_ROLES: 'relay,api' }
  t.same([...readConfig(environment, { roles: 'jobs' }).roles], ['jobs'])
  t.throws(() => readConfig(environment, { roles: '' }), { message: /^--roles must be a list of / })
})

t.test('an event store is named in the one form that its client takes', async (t) => {
  for (const EVENTSTORE_URL of ['esdb://host:2113?tls=false', 'esdb+discover://host'])
    t.equal(readConfig({ ...needed, EVENTSTORE_URL }).eventStoreUrl, EVENTSTORE_URL)
  t.throws(() => readConfig({ ...needed, EVENTSTORE_URL: 'kurrentdb://host' }), ConfigError)
})

t.test('every wrong variable gets its sentence, and no value is repeated', async (t) => {
  const wrong = {
    DATABASE_URL: 'mysql://root:hunter2@host',
    PORT: '70000x',
    TIDEMARK_ROLES: 'api,worker',
    SANDBOX: 'maybe',
    PUBLIC_CATALOGUE: 'yes',
    LOG_LEVEL: 'loud',
    EVENTSTORE_URL: 'http://host',
  }
  try {
    readConfig(wrong)
    t.fail('it should not start')
  } catch (error) {
    t.type(error, ConfigError)
    const lines = String((error as Error).message).split('\n')
    t.same(lines.map((line) => line.split(' ')[0]).sort(), [
      'DATABASE_URL',
      'EVENTSTORE_URL',
      'LOG_LEVEL',
      'NATS_URL',
      'PORT',
      'PUBLIC_CATALOGUE',
      'SANDBOX',
      'TIDEMARK_ROLES',
    ])
    t.match(lines.join('\n'), 'TIDEMARK_ROLES must be a list of api, gateway, relay')
    t.match(lines.join('\n'), 'NATS_URL is not set')
    t.notMatch(lines.join('\n'), /hunter2/)
  }
  t.throws(() => readConfig({ ...needed, PORT: '70000' }), { name: 'ConfigError' })
})
