import t from 'tap'
import { marketplaceRoutes } from '../../../services/marketplace/routes.ts'
import { testApp } from '../../support/app.ts'
import { mirrorWorld } from '../../support/mirror-world.ts'
import { startUpstream, upstreamEntry } from '../../support/upstream.ts'

const server = (description: string, more: object = {}) => ({ server: { description, ...more } })
const remote = {
  remotes: [{ type: 'streamable-http', url: 'https://a.example/mcp' }],
  packages: [],
}
const entries = [
  upstreamEntry('io.example/weather-station', '1.0.0', server('Forecasts for every town.')),
  upstreamEntry('io.example/weather-station', '2.0.0', {
    ...server('Forecasts and warnings for every town.', { title: 'Weather Station' }),
    official: { publishedAt: '2025-11-01T00:00:00Z' },
  }),
  upstreamEntry('io.example/files', '1.0.0', server('Reads and writes files in a folder.')),
  upstreamEntry('com.example/postgres-tools', '1.0.0', server('Database queries, migrations.')),
  upstreamEntry('com.example/hosted', '1.0.0', server('Hosted elsewhere.', remote)),
  upstreamEntry('com.example/gone', '1.0.0', { official: { status: 'deleted' } }),
  upstreamEntry('com.example/old', '1.0.0', { official: { status: 'deprecated' } }),
  ...Array.from({ length: 60 }, (_, index) =>
    upstreamEntry(`io.filler/mcp-server-${index}`, '1.0.0', server(`Server number ${index}.`)),
  ),
]

t.test('services are found and looked at', async (t) => {
  const upstream = await startUpstream(t)
  const world = await mirrorWorld(t)
  upstream.list(entries)
  await world.add('main', upstream.url)
  await world.sync('main')
  const now = () => new Date('2026-01-02T03:04:05.000Z')
  const { inject } = await testApp(t, marketplaceRoutes({ db: world.deps.db, now }))
  const get = async (url: string) => {
    const answer = await inject({ url })
    return { status: answer.statusCode, body: answer.json() }
  }
  const names = async (query: string) =>
    (await get(`/v1/services${query}`)).body.data.map(({ name }: { name: string }) => name)

  await t.test('browsing has the envelope, pages and one row for each server', async (t) => {
    const { body } = await get('/v1/services?limit=5&page=2')
    t.match(body, {
      success: true,
      meta: { total: 65, page: 2, limit: 5 },
      timestamp: '2026-01-02T03:04:05.000Z',
    })
    t.equal(body.data.length, 5)
    const all = [await names('?limit=100')].flat()
    t.same(all, [...all].sort())
  })

  await t.test('a service has its versions and its latest entry', async (t) => {
    const { body } = await get('/v1/services/io.example%2Fweather-station')
    t.match(body.data, {
      id: 'io.example/weather-station',
      title: 'Weather Station',
      version: '2.0.0',
      versionCount: 2,
      packageTypes: ['npm'],
      transports: ['stdio'],
      versions: [
        { version: '2.0.0', latest: true },
        { version: '1.0.0', latest: false },
      ],
    })
    t.same(body.data.server, entries[1])
    t.match(await get('/v1/services/io.example%2Fnobody'), {
      status: 404,
      body: { code: 'service-not-found' },
    })
  })

  await t.test('filters', async (t) => {
    t.same(await names('?transport=streamable-http'), ['com.example/hosted'])
    t.same(await names('?status=deleted'), ['com.example/gone'])
    t.same(await names('?status=deprecated'), ['com.example/old'])
    t.same(await names('?packageType=pypi'), [])
    t.same(await names('?source=nobody'), [])
    t.equal((await get('/v1/services?packageType=npm')).body.meta.total, 64)
    t.same(await names('/search?q=every+town&transport=sse'), [])
  })

  await t.test('search', async (t) => {
    const first = async (q: string) =>
      (await names(`/search?q=${encodeURIComponent(q)}`))[0] as string
    t.equal(await first('io.example/weather-station'), 'io.example/weather-station', 'whole name')
    t.equal(await first('weather station'), 'io.example/weather-station')
    t.equal(await first('weatherstation'), 'io.example/weather-station', 'written as one word')
    t.equal(await first('waether staton'), 'io.example/weather-station', 'misspelt')
    t.equal(await first('postgers'), 'com.example/postgres-tools', 'misspelt')
    t.equal(await first('weath'), 'io.example/weather-station', 'half written')
    t.equal(await first('Wéather'), 'io.example/weather-station', 'with an accent')
    t.equal(await first('warnings for town'), 'io.example/weather-station', 'by description')
    t.equal(await first('file in the folders'), 'io.example/files', 'singular and plural')
    t.equal(await first('migrations mcp server'), 'com.example/postgres-tools', 'rare beats common')
    t.same(await names('/search?q=zzzzzzzzqqqq'), [])
    t.same(await names('/search?q=%25%26%7C!%28'), [], 'signs alone mean nothing')
    t.same(await names("/search?q='%20%7C%20'a'%3AA"), await names('/search?q=a+a'), 'no syntax')
  })

  await t.test('pages of a search do not overlap', async (t) => {
    const pages = [
      await names('/search?q=server&limit=20'),
      await names('/search?q=server&limit=20&page=2'),
    ]
    t.equal(new Set(pages.flat()).size, 40)
  })

  await t.test('suggestions while typing', async (t) => {
    const { body } = await get('/v1/services/suggest?q=wea&limit=3')
    t.match(body.data[0], { id: 'io.example/weather-station', title: 'Weather Station' })
  })

  await t.test('bad requests', async (t) => {
    for (const url of [
      '/v1/services?limit=0',
      '/v1/services?page=0',
      '/v1/services?page=99999',
      '/v1/services/search',
      `/v1/services/search?q=${'x'.repeat(201)}`,
    ])
      t.match(await get(url), { status: 400, body: { code: 'invalid-parameters' } }, url)
    t.equal((await get('/v1/services/search?q=%00')).status, 200)
    t.equal((await get('/v1/services?source=%00')).status, 200)
  })
})
