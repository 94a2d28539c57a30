import t, { type Test } from 'tap'
import { eventRoutes } from '../../../services/audit/event-routes.ts'
import { testApp } from '../../support/app.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { emitCustom, recorder } from '../../support/served-feed.ts'

async function pagedApp(t: Test, pageBytes?: number) {
  const { store } = await freshPostgresStore(t)
  const routes = eventRoutes({ store, ...(pageBytes === undefined ? {} : { pageBytes }) })
  return { ...(await testApp(t, routes)), store, record: recorder(store) }
}

t.test(
  'pages tell the log in order, within the tenant, and end where the next begins',
  async (t) => {
    const { inject, record } = await pagedApp(t)
    await record('acme', 'public', 'private')
    await record('other', 'public')
    await record('acme', 'public')
    const first = (await inject({ url: '/v1/events?limit=2' })).json()
    t.equal(first.items.length, 2)
    t.match(first.items[0], {
      specversion: '1.0',
      type: 'CatalogueVisibilityChanged',
      subject: 'tenant-acme.tenant',
      tenantid: 'acme',
      actorid: 'key:a',
      correlationid: 'c',
      schemaversion: 1,
      streamrevision: '0',
      data: { visibility: 'public' },
    })
    const rest = (await inject({ url: `/v1/events?after=${first.nextAfter}` })).json()
    t.same(
      rest.items.map(({ streamrevision }: { streamrevision: string }) => streamrevision),
      ['2'],
    )
    const end = (await inject({ url: `/v1/events?after=${rest.nextAfter}` })).json()
    t.same(end, { items: [], nextAfter: rest.nextAfter })
    const none = (await inject({ url: '/v1/events?types=TenantCreated,ApiKeyIssued' })).json()
    t.same(none.items, [])
  },
)

t.test('a tenant’s own types select events by the names that they are shown with', async (t) => {
  const { inject, record, store } = await pagedApp(t)
  await record('acme', 'public')
  for (const name of ['Paid', 'Sent', 'Paid']) await emitCustom(store, name)
  const typesOf = async (query: string) =>
    (await inject({ url: `/v1/events?${query}` }))
      .json()
      .items.map(({ type }: { type: string }) => type)
  t.same(await typesOf('types=custom.Paid'), ['custom.Paid', 'custom.Paid'])
  t.same(await typesOf('types=custom.Paid&limit=1'), ['custom.Paid'])
  const both = 'types=CatalogueVisibilityChanged,custom.Paid'
  t.same(await typesOf(`${both}&limit=2`), ['CatalogueVisibilityChanged', 'custom.Paid'])
  t.same(await typesOf('types=CustomEventEmitted&limit=2'), ['custom.Paid', 'custom.Sent'])
  t.same(await typesOf('types=custom.Paid&stream=custom-acme.Sent'), [])
  t.same(await typesOf('types=custom.Paid&context=identity'), [])
})

t.test('what is no position is refused', async (t) => {
  const { inject } = await pagedApp(t)
  for (const after of ['x', '-1', '1e3', '99999999999999999999', '9999999999999999999', '']) {
    const answer = await inject({ url: `/v1/events?after=${after}` })
    t.same([answer.statusCode, answer.json().code], [400, 'invalid-parameters'], after)
  }
  t.equal((await inject({ url: '/v1/events' }, { scopes: ['catalogue:read'] })).statusCode, 403)
})

t.test('a page of large events ends early, and the next one goes on', async (t) => {
  const { inject, record } = await pagedApp(t, 150)
  await record('acme', 'public', 'private', 'public', 'private', 'public')
  const sizes: number[] = []
  const ids = new Set<string>()
  let after = '0'
  do {
    const page = (await inject({ url: `/v1/events?limit=1000&after=${after}` })).json()
    sizes.push(page.items.length)
    for (const { id } of page.items) ids.add(id)
    after = page.nextAfter
  } while (sizes.at(-1) !== 0)
  t.equal(ids.size, 5)
  t.ok(Math.max(...sizes) < 5, `pages of ${sizes}`)
})
