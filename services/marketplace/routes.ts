import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Kysely } from 'kysely'
import { type Static, Type } from 'typebox'
import { searchServices } from '../../projections/marketplace/search-services.ts'
import {
  countServices,
  findService,
  listServices,
  versionsOfService,
} from '../../projections/marketplace/services.ts'
import type { CatalogueTables } from '../../projections/registry/catalogue-tables.ts'
import { findServer } from '../../projections/registry/registry-api.ts'
import { problem } from '../kernel/problem.ts'
import { envelope, Service, ServiceDetail, serviceView, versionView } from './service-view.ts'

export type MarketplaceDeps = {
  readonly db: Kysely<CatalogueTables>
  readonly now: () => Date
}

const MAX_SUGGESTIONS = 20
const MAX_PAGE = 10_000

const text = (description: string) =>
  Type.Optional(Type.String({ minLength: 1, maxLength: 100, description }))
const Filter = {
  packageType: text('`npm`, `pypi`, `oci`, `nuget`, `mcpb` …'),
  transport: text('`stdio`, `streamable-http` or `sse`'),
  source: text('id of the source'),
  status: text('`active`, `deprecated` or `deleted`; by default all but deleted'),
}
const Page = {
  page: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_PAGE, default: 1 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 30 })),
}
const query = Type.String({ minLength: 1, maxLength: 200, description: 'what to look for' })
const Suggestion = Type.Object({
  id: Type.String(),
  name: Type.String(),
  title: Type.Optional(Type.String()),
})
const serviceId = Type.String({
  minLength: 1,
  description: 'name of the server, percent-encoded, for example io.example%2Ffiles',
})

/** Services, as the people who look for one see the catalogue: one for each server. */
export function marketplaceRoutes({ db, now }: MarketplaceDeps): FastifyPluginAsyncTypebox {
  const tags = ['services']
  const config = { access: 'public-catalogue' } as const
  const answer = <Data>(data: Data, total: number, page = 1, limit = 1) => ({
    success: true as const,
    data,
    meta: { total, page, limit },
    timestamp: now().toISOString(),
  })

  return async (app) => {
    app.get(
      '/v1/services',
      {
        schema: {
          tags,
          summary: 'Browse the services',
          description: 'By name.',
          querystring: Type.Object({ ...Page, ...Filter }),
          response: { 200: envelope(Type.Array(Service)) },
        },
        config,
      },
      async ({ actor: { tenantId }, query: { page = 1, limit = 30, ...asked } }) => {
        const filter = storable(asked)
        const [rows, total] = await Promise.all([
          listServices(db, tenantId, filter, { offset: (page - 1) * limit, limit }),
          countServices(db, tenantId, filter),
        ])
        return answer(rows.map(serviceView), total, page, limit)
      },
    )

    app.get(
      '/v1/services/search',
      {
        schema: {
          tags,
          summary: 'Search the services',
          description:
            'Over name, title, description and tags, best first, misspellings forgiven. At most 500 results.',
          querystring: Type.Object({ q: query, ...Page, ...Filter }),
          response: { 200: envelope(Type.Array(Service)) },
        },
        config,
      },
      async ({ actor: { tenantId }, query: { q, page = 1, limit = 30, ...asked } }) => {
        const { total, services } = await searchServices(db, tenantId, clean(q), storable(asked), {
          offset: (page - 1) * limit,
          limit,
        })
        return answer(services.map(serviceView), total, page, limit)
      },
    )

    app.get(
      '/v1/services/suggest',
      {
        schema: {
          tags,
          summary: 'Suggest services while somebody is typing',
          querystring: Type.Object({
            q: query,
            limit: Type.Optional(
              Type.Integer({ minimum: 1, maximum: MAX_SUGGESTIONS, default: 8 }),
            ),
          }),
          response: { 200: envelope(Type.Array(Suggestion)) },
        },
        config,
      },
      async ({ actor: { tenantId }, query: { q, limit = 8 } }) => {
        const page = { offset: 0, limit }
        const { total, services } = await searchServices(db, tenantId, clean(q), {}, page)
        const suggestions = services.map(({ name, title }) => ({
          id: name,
          name,
          ...(title === null ? {} : { title }),
        }))
        return answer(suggestions, total, 1, limit)
      },
    )

    app.get(
      '/v1/services/:serviceId',
      {
        schema: {
          tags,
          summary: 'A service, its versions and its latest entry',
          params: Type.Object({ serviceId }),
          response: { 200: envelope(ServiceDetail) },
        },
        config,
      },
      async ({ actor: { tenantId }, params }) => {
        return answer(await detail(db, tenantId, clean(params.serviceId)), 1)
      },
    )
  }
}

async function detail(
  db: Kysely<CatalogueTables>,
  tenantId: string,
  name: string,
): Promise<Static<typeof ServiceDetail>> {
  const [row, versions, latest] = await Promise.all([
    findService(db, tenantId, name),
    versionsOfService(db, tenantId, name),
    findServer(db, tenantId, { name, version: 'latest' }, true),
  ])
  if (row === undefined || latest === undefined)
    throw problem(404, 'service-not-found', `No registry here lists a server "${name}".`)
  return {
    ...serviceView(row),
    server: JSON.parse(latest.entry),
    versions: versions.map(versionView),
  }
}

type Asked = Readonly<Record<string, string | undefined>>

/** Postgres takes no NUL in a text; nothing that is stored has one. */
function clean(value: string): string {
  return value.replaceAll('\0', '\ufffd')
}

function storable<Filters extends Asked>(filters: Filters): Filters {
  return Object.fromEntries(
    Object.entries(filters).map(([name, value]) => [name, value && clean(value)]),
  ) as Filters
}
