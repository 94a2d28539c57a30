import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import t, { type Test } from 'tap'
import { parse } from 'yaml'
import { registryApiRoutes } from '../../../services/registry/registry-api-routes.ts'
import { testApp } from '../../support/app.ts'
import { mirrorWorld } from '../../support/mirror-world.ts'
import { startUpstream, upstreamEntry } from '../../support/upstream.ts'

const OPENAPI = path.resolve(
  import.meta.dirname,
  '../../../../shared/data/registry/registry-openapi-2025-12-01.yaml',
)
const at = (day: string) => `2025-10-${day}T00:00:00.000001Z`

/** Three versions of one server, the middle one deleted, and 40 other servers. */
const entries = [
  upstreamEntry('io.example/alpha', '1.0.0', {
    official: { isLatest: false, publishedAt: at('01'), updatedAt: at('01') },
  }),
  upstreamEntry('io.example/alpha', '1.1.0', {
    official: { isLatest: false, status: 'deleted', publishedAt: at('02'), updatedAt: at('20') },
  }),
  upstreamEntry('io.example/alpha', '2.0.0+build.1', {
    server: { _meta: { 'com.example': { ünicode: '漢字 ', deep: [1, { two: null }] } } },
    official: { publishedAt: at('03'), updatedAt: at('03') },
  }),
  ...Array.from({ length: 40 }, (_, index) =>
    upstreamEntry(`io.example/Other_${String(index).padStart(2, '0')}`, '1.0.0', {
      official: { publishedAt: at('05'), updatedAt: at('05') },
    }),
  ),
]

async function servedCatalogue(t: Test, pageBytes?: number) {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t)
  upstream.list(entries)
  await world.add('main', upstream.url)
  await world.sync('main')
  const { inject } = await testApp(
    t,
    registryApiRoutes({
      db: world.deps.db,
      ...(pageBytes === undefined ? {} : { pageBytes }),
    }),
  )
  const get = async (url: string) => {
    const answer = await inject({ url })
    return { status: answer.statusCode, body: answer.json() }
  }
  return { get, inject }
}

t.test('the catalogue is served as the official registry serves its own', async (t) => {
  const { get, inject } = await servedCatalogue(t)

  await t.test('pages lead through all of it, once each, in order', async (t) => {
    const names: string[] = []
    let cursor = ''
    for (;;) {
      const { body } = await get(`/v0.1/servers?limit=7&cursor=${encodeURIComponent(cursor)}`)
      t.equal(body.metadata.count, body.servers.length)
      for (const { server } of body.servers) names.push(`${server.name}@${server.version}`)
      cursor = body.metadata.nextCursor
      if (cursor === undefined) break
    }
    t.equal(names.length, 42)
    t.same(names, [...names].sort())
    t.equal((await get('/v0.1/servers')).body.servers.length, 30, 'thirty when nobody says')
  })

  await t.test('an entry is what the upstream lists, to the last member', async (t) => {
    const { body } = await get('/v0.1/servers/io.example%2Falpha/versions/2.0.0%2Bbuild.1')
    t.same(body, entries[2])
    t.same((await get('/v0.1/servers/io.example%2Falpha/versions/latest')).body, entries[2])
  })

  await t.test('versions come newest first, deleted ones on request', async (t) => {
    const { body } = await get('/v0.1/servers/io.example%2Falpha/versions')
    t.same(body.servers, [entries[2], entries[0]])
    const all = await get('/v0.1/servers/io.example%2Falpha/versions?include_deleted=true')
    t.same(all.body.servers, [entries[2], entries[1], entries[0]])
    const deleted = '/v0.1/servers/io.example%2Falpha/versions/1.1.0'
    t.equal((await get(deleted)).status, 404)
    t.same((await get(`${deleted}?include_deleted=true`)).body, entries[1])
  })

  await t.test('filters', async (t) => {
    const count = async (query: string) =>
      (await get(`/v0.1/servers?limit=100&${query}`)).body.metadata.count
    t.equal(await count('search=ALPHA'), 2, 'any case')
    t.equal(await count('search=r_1'), 10, 'an underscore is an underscore')
    t.equal(await count('search=%25'), 0, 'a percent sign is a percent sign')
    t.equal(await count('version=latest'), 41)
    t.equal(await count('version=1.0.0&search=alpha'), 1)
    t.equal(await count('include_deleted=true'), 43)
    t.equal(await count(`updated_since=${at('20')}`), 1, 'deleted ones belong to the news')
    t.equal(await count('updated_since=2025-10-05T02:00:00%2B02:00'), 41, 'with an offset')
  })

  await t.test('what is not there, or makes no sense, is refused in its own form', async (t) => {
    for (const url of [
      '/v0.1/servers/io.example%2Fnobody/versions',
      '/v0.1/servers/io.example%2Fnobody/versions/latest',
      '/v0.1/servers/io.example%2Falpha/versions/9.9.9',
      '/v0.1/servers/%00/versions/1',
    ])
      t.same(await get(url), { status: 404, body: { error: 'Server not found' } }, url)
    for (const query of [
      'cursor=nonsense',
      'cursor=WyJhIl0',
      'limit=0',
      'limit=101',
      'limit=x',
      'updated_since=yesterday',
      'updated_since=0000-01-01T00:00:00Z',
      'include_deleted=perhaps',
    ]) {
      const { status, body } = await get(`/v0.1/servers?${query}`)
      t.equal(status, 400, query)
      t.type(body.error, 'string')
    }
    t.equal((await get('/v0.1/servers?search=%00')).body.metadata.count, 0)
  })

  await t.test('another tenant sees nothing, nobody needs a key to be refused', async (t) => {
    const foreign = await inject({ url: '/v0.1/servers' }, { tenantId: 'other' })
    t.equal(foreign.json().metadata.count, 0)
    t.equal((await inject({ url: '/v0.1/servers' }, null)).statusCode, 401)
  })

  const skip = !existsSync(OPENAPI) && "the registry's OpenAPI document is not here"
  await t.test('answers fit the published OpenAPI document', { skip }, async (t) => {
    const validators = publishedValidators()
    const fits = (schema: string, body: unknown) => {
      const validate = validators(schema)
      t.ok(validate(body), `${schema}: ${JSON.stringify(validate.errors)}`)
    }
    fits('ServerList', (await get('/v0.1/servers?limit=100&include_deleted=true')).body)
    fits('ServerList', (await get('/v0.1/servers/io.example%2Falpha/versions')).body)
    fits('ServerResponse', (await get('/v0.1/servers/io.example%2Falpha/versions/latest')).body)
  })
})

t.test('pages of large entries end early, and lead through all of it', async (t) => {
  const { get } = await servedCatalogue(t, 700)
  const namesOf = async (path: string) => {
    const names: string[] = []
    let sizes: number[] = []
    let cursor = ''
    for (;;) {
      const { body } = await get(`${path}&cursor=${encodeURIComponent(cursor)}`)
      for (const { server } of body.servers) names.push(`${server.name}@${server.version}`)
      sizes = [...sizes, Buffer.byteLength(JSON.stringify(body.servers))]
      t.equal(body.metadata.count, body.servers.length)
      cursor = body.metadata.nextCursor
      if (cursor === undefined) return { names, sizes }
    }
  }
  const all = await namesOf('/v0.1/servers?limit=100&include_deleted=true')
  t.equal(new Set(all.names).size, 43)
  t.equal(all.names.length, 43)
  t.ok(all.sizes.length > 5)
  t.ok(Math.max(...all.sizes) < 700 + 1_000, 'the entry that reaches the bound is the last')

  const { body } = await get('/v0.1/servers/io.example%2Falpha/versions?include_deleted=true')
  t.ok(body.metadata.nextCursor, 'of three versions not all are in the first page')
  const versions = await namesOf('/v0.1/servers/io.example%2Falpha/versions?include_deleted=true')
  t.same(
    versions.names,
    ['2.0.0+build.1', '1.1.0', '1.0.0'].map((version) => `io.example/alpha@${version}`),
  )
  const nowhere = Buffer.from('["99999999999999999999","1.0.0"]').toString('base64url')
  t.equal((await get(`/v0.1/servers/io.example%2Falpha/versions?cursor=${nowhere}`)).status, 400)
})

function publishedValidators(): (schema: string) => ValidateFunction {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  addFormats.default(ajv)
  ajv.addSchema({ ...parse(readFileSync(OPENAPI, 'utf8')), $id: 'registry' })
  return (schema) => ajv.compile({ $ref: `registry#/components/schemas/${schema}` })
}
