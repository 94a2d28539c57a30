import t from 'tap'
import { findNpm } from '../../../infra/npm/npm-program.ts'
import { readModels } from '../../../projections/read-models.ts'
import { driveInstallation } from '../../../services/installer/reactor.ts'
import { installerRoutes } from '../../../services/installer/routes.ts'
import { InstallFault } from '../../../services/ports/package-installer.ts'
import { testApp } from '../../support/app.ts'
import { listServers } from '../../support/catalogue-entry.ts'
import { dataDirectory, installerParts } from '../../support/installer-world.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { projected } from '../../support/projected.ts'

// Remote servers with places in their URL: what was set once is for every version.

const { store, pool, appUrl } = await freshPostgresStore(t)
const parts = await installerParts({ store, appUrl, dataDir: dataDirectory(t), npm: findNpm() })
const freshness = projected(t, store, pool, readModels)
const { inject } = await testApp(t, installerRoutes(parts), { freshness })
t.teardown(() => parts.pool.end())
const { signal } = new AbortController()

const name = 'io.test/regional'
const remote = (url: string, headers: readonly object[] = []) => ({
  remotes: [{ type: 'streamable-http', url, headers, variables: { region: { isRequired: true } } }],
})
const news = [
  { name: 'X-Lang', default: 'en' },
  { name: 'X-Plan', isRequired: true },
  { name: 'X-Token', isRequired: true, isSecret: true },
]
const key = { name: 'X-Key', isRequired: true, isSecret: true }
await listServers(
  store,
  { name, version: '1.0.0', isLatest: false, server: remote('https://{region}.example/mcp') },
  { name, version: '1.1.0', isLatest: false, server: remote('https://{region}.example/v1.1') },
  { name, version: '1.2.0', server: remote('https://{region}.example/v1.2', [key]) },
  {
    name,
    version: '1.3.0',
    isLatest: false,
    server: remote('https://{region}.example/v1.3', news),
  },
  {
    ...{ name, version: '1.4.0', isLatest: false },
    server: remote('https://{region}.example/v1.4', [...news, { name: 'X-Mode', default: 'fast' }]),
  },
)
const noAddress = await listServers(store, {
  ...{ name: 'io.test/no-address', version: '1.0.0' },
  server: remote('https://{region}.example/a|b', [key]),
})
await freshness.waitFor(noAddress, 10_000)

/** Every server answers: what is asked here is where it is looked for. */
const probe = { probe: async () => ['echo'] }

async function send(method: 'POST' | 'PUT', url: string, payload: object) {
  const response = await inject({ method, url, payload })
  return { status: response.statusCode, body: response.json() }
}

async function settled(installationId: string) {
  await driveInstallation({ ...parts, probe }, { tenantId: 'acme', installationId }, signal)
  const url = `/v1/installations/${installationId}?atLeast=${await store.head()}`
  return (await inject({ method: 'GET', url })).json()
}

async function installed() {
  const { body } = await send('POST', '/v1/installations', {
    ...{ server: name, version: '1.0.0' },
    configuration: { variables: { region: 'eu' } },
  })
  t.match(await settled(body.installationId), {
    ...{ status: 'installed', target: { url: 'https://eu.example/mcp' } },
  })
  return { installationId: body.installationId, url: `/v1/installations/${body.installationId}` }
}

t.test('an update fills the URL of the new version with what was set at the install', async (t) => {
  const { installationId, url } = await installed()
  t.match(await send('POST', `${url}/update`, { version: '1.1.0' }), { status: 202 })
  t.match(await settled(installationId), {
    ...{ status: 'installed', version: '1.1.0', target: { url: 'https://eu.example/v1.1' } },
  })
})

t.test('a setting is changed without saying again what the URL needs', async (t) => {
  const { installationId, url } = await installed()
  t.match(await send('PUT', `${url}/configuration`, { network: 'full' }), { status: 200 })
  t.match(await send('POST', `${url}/update`, { version: '1.1.0' }), { status: 202 })
  t.match(await settled(installationId), { target: { url: 'https://eu.example/v1.1' } })
  t.match(await send('PUT', `${url}/configuration`, { variables: { region: 'us' } }), {
    ...{ status: 422, body: { code: 'invalid-configuration' } },
  })
})

t.test('an update that needs more than is set starts nothing, until it is there', async (t) => {
  const { installationId, url } = await installed()
  t.match(await send('POST', `${url}/update`, {}), {
    status: 422,
    body: {
      code: 'missing-configuration',
      errors: [{ pointer: '/configuration/environment/X-Key' }],
    },
  })
  t.match(await settled(installationId), { status: 'installed', version: '1.0.0' })
  t.match(await send('PUT', `${url}/secrets/X-Key`, { value: 'hush' }), { status: 200 })
  t.match(await send('POST', `${url}/update`, {}), { status: 202 })
  t.match(await settled(installationId), { status: 'installed', version: '1.2.0' })
})

t.test(
  'an update gives what the version declares anew: its defaults, and what is said',
  async (t) => {
    const { installationId, url } = await installed()
    const wanted = { version: '1.3.0', allowBreaking: true }
    const refused = await send('POST', `${url}/update`, wanted)
    t.match(refused, {
      status: 422,
      body: {
        code: 'missing-configuration',
        errors: [
          { pointer: '/configuration/environment/X-Plan' },
          { pointer: '/configuration/environment/X-Token' },
        ],
      },
    })
    t.same(await parts.secrets.reveal('acme', installationId), {})
    const configuration = { environment: { 'X-Plan': 'pro' }, secrets: { 'X-Token': 'hush' } }
    const unknown = { ...configuration, variables: { planet: 'mars' } }
    t.match(await send('POST', `${url}/update`, { ...wanted, configuration: unknown }), {
      body: { code: 'undeclared-input', errors: [{ pointer: '/configuration/variables/planet' }] },
    })
    t.match(await send('POST', `${url}/update`, { ...wanted, configuration }), { status: 202 })
    const updated = await settled(installationId)
    t.match(updated, { status: 'installed', version: '1.3.0' })
    t.same(updated.configuration, {
      environment: { 'X-Lang': 'en', 'X-Plan': 'pro' },
      ...{ arguments: [], secretNames: ['X-Token'], network: 'none' },
    })
    t.same(await parts.secrets.reveal('acme', installationId), { 'X-Token': 'hush' })

    const again = { version: '1.3.0', configuration }
    t.match(await send('POST', `${url}/update`, again), { body: { code: 'version-active' } })
    t.match(await send('POST', `${url}/rollback`, {}), { status: 200 })
    const before = await settled(installationId)
    t.match(before, { version: '1.0.0', configuration: { environment: {}, secretNames: [] } })
  },
)

t.test('what is set stays through an update, a stored secret above all', async (t) => {
  const { installationId, url } = await installed()
  const plan = { environment: { 'X-Plan': 'pro', 'X-Lang': 'de' }, secrets: { 'X-Token': 'old' } }
  await send('POST', `${url}/update`, { version: '1.3.0', configuration: plan })
  await settled(installationId)
  const secrets = { 'X-Token': 'new' }
  t.match(await send('POST', `${url}/update`, { version: '1.4.0', configuration: { secrets } }), {
    status: 422,
    body: {
      code: 'invalid-configuration',
      errors: [{ pointer: '/configuration/secrets/X-Token' }],
    },
  })
  t.match(await send('POST', `${url}/update`, { version: '1.4.0' }), { status: 202 })
  const { configuration } = await settled(installationId)
  t.match(configuration, { environment: { 'X-Plan': 'pro', 'X-Lang': 'de', 'X-Mode': 'fast' } })
  t.same(configuration.secretNames, ['X-Token'])
  t.same(await parts.secrets.reveal('acme', installationId), { 'X-Token': 'old' })
})

t.test('an update that fails leaves the configuration as it was', async (t) => {
  const { installationId, url } = await installed()
  const configuration = { environment: { 'X-Plan': 'pro' }, secrets: { 'X-Token': 'hush' } }
  await send('POST', `${url}/update`, { version: '1.3.0', configuration })
  const dead = new InstallFault('not-an-mcp-server', 'It does not answer.')
  const probe = { probe: () => Promise.reject(dead) }
  await driveInstallation({ ...parts, probe }, { tenantId: 'acme', installationId }, signal)
  const view = await settled(installationId)
  t.match(view, { status: 'installed', version: '1.0.0', failure: { code: dead.code } })
  t.match(view.configuration, { environment: {}, secretNames: [] })
})

t.test('an install that cannot be recorded leaves no secret behind', async (t) => {
  const secrets = () => pool.query('select from ops.secrets').then(({ rowCount }) => rowCount)
  const before = await secrets()
  const refused = await send('POST', '/v1/installations', {
    server: 'io.test/no-address',
    configuration: { variables: { region: 'eu' }, secrets: { 'X-Key': 'hush' } },
  })
  t.match(refused, { status: 422, body: { code: 'invalid-event' } })
  t.equal(await secrets(), before)
})
