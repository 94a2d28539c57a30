import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import type { CatalogueTables } from '../../projections/registry/catalogue-tables.ts'
import {
  findServer,
  type Listed,
  listServers,
  listVersions,
  type ServerEntry,
} from '../../projections/registry/registry-api.ts'
import { decodeCursor, encodeCursor, MAX_PAGE_BYTES } from '../kernel/page.ts'
import { ProblemError } from '../kernel/problem.ts'

// The official registry API, version 2025-12-01, so that any registry client can use Tidemark as
// its registry. Entries go out as they came in; refusals have that API's own form, `{ error }`.

const DEFAULT_LIMIT = 30
const MAX_LIMIT = 100
const WRONG_CURSOR = 'This cursor is not one that a page of this list gave.'

const Failure = Type.Object({ error: Type.String() })
const Entry = Type.Object(
  { server: Type.Object({}, { additionalProperties: true }) },
  { additionalProperties: true },
)
const List = Type.Object({
  servers: Type.Array(Entry),
  metadata: Type.Object({
    nextCursor: Type.Optional(Type.String()),
    count: Type.Integer({ description: 'number of items in this page' }),
  }),
})
const includeDeleted = Type.Optional(
  Type.Boolean({ default: false, description: 'also what the upstream has marked as deleted' }),
)
const cursor = Type.Optional(
  Type.String({ description: '`metadata.nextCursor` of the page before' }),
)
const ListQuery = Type.Object({
  cursor,
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })),
  search: Type.Optional(Type.String({ maxLength: 300, description: 'part of the name' })),
  updated_since: Type.Optional(
    Type.String({ format: 'date-time', description: 'then deleted servers are listed too' }),
  ),
  version: Type.Optional(
    Type.String({ maxLength: 300, description: '`latest`, or an exact version' }),
  ),
  include_deleted: includeDeleted,
})
const ServerParams = Type.Object({
  serverName: Type.String({ description: 'percent-encoded, for example com.example%2Fmy-server' }),
})
const VersionParams = Type.Object({
  ...ServerParams.properties,
  version: Type.String({ description: 'percent-encoded, or `latest`' }),
})
const VersionsQuery = Type.Object({ cursor, include_deleted: includeDeleted })
const DeletedQuery = Type.Object({ include_deleted: includeDeleted })

export function registryApiRoutes(deps: {
  readonly db: Kysely<CatalogueTables>
  /** A page ends with the entry that reaches this. */
  readonly pageBytes?: number
}): FastifyPluginAsyncTypebox {
  const { db, pageBytes: bytes = MAX_PAGE_BYTES } = deps
  const tags = ['registry API']
  const config = { access: 'public-catalogue' } as const
  const shared = { attachValidation: true, config }

  return async (app) => {
    app.get(
      '/v0.1/servers',
      {
        ...shared,
        schema: {
          tags,
          summary: 'List MCP servers',
          description:
            'A page of large entries ends before `limit`; the last one has no `nextCursor`.',
          querystring: ListQuery,
          response: { 200: List, 400: Failure },
        },
      },
      async ({ actor, query, validationError }, reply) => {
        const { limit = DEFAULT_LIMIT, cursor, updated_since: updatedSince } = query
        const after = placeOf(cursor, (name, version) => ({ name, version }))
        if (validationError !== undefined) return refuse(reply, 400, validationError.message)
        if (after === 'wrong') return refuse(reply, 400, WRONG_CURSOR)
        if (updatedSince?.startsWith('0000'))
          return refuse(reply, 400, 'querystring/updated_since must be after the year 0.')
        const found = await listServers(
          db,
          actor.tenantId,
          {
            search: storable(query.search),
            version: storable(query.version),
            updatedSince,
            includeDeleted: query.include_deleted === true || updatedSince !== undefined,
          },
          { after, limit, bytes },
        )
        return sendList(reply, found, ({ name, version }) => [name, version])
      },
    )

    app.get(
      '/v0.1/servers/:serverName/versions',
      {
        ...shared,
        schema: {
          tags,
          summary: 'List all versions of an MCP server',
          description:
            'Newest first. All of them at once, unless they are large: then `metadata.nextCursor` leads on.',
          params: ServerParams,
          querystring: VersionsQuery,
          response: { 200: List, 400: Failure, 404: Failure },
        },
      },
      async ({ actor, params, query, validationError }, reply) => {
        if (validationError !== undefined) return refuse(reply, 400, validationError.message)
        const name = storable(params.serverName) ?? ''
        const deleted = query.include_deleted === true
        const after = placeOf(query.cursor, versionPlace)
        if (after === 'wrong') return refuse(reply, 400, WRONG_CURSOR)
        const found = await listVersions(db, actor.tenantId, name, deleted, { after, bytes })
        if (found.rows.length === 0 && after === undefined)
          return refuse(reply, 404, 'Server not found')
        return sendList(reply, found, ({ published, version }) => [published.toString(), version])
      },
    )

    app.get(
      '/v0.1/servers/:serverName/versions/:version',
      {
        ...shared,
        schema: {
          tags,
          summary: 'Get a version of an MCP server',
          params: VersionParams,
          querystring: DeletedQuery,
          response: { 200: Entry, 400: Failure, 404: Failure },
        },
      },
      async ({ actor, params, query, validationError }, reply) => {
        if (validationError !== undefined) return refuse(reply, 400, validationError.message)
        const place = {
          name: storable(params.serverName) ?? '',
          version: storable(params.version) ?? '',
        }
        const deleted = query.include_deleted === true
        const found = await findServer(db, actor.tenantId, place, deleted)
        if (found === undefined) return refuse(reply, 404, 'Server not found')
        return sendJson(reply, found.entry)
      },
    )
  }
}

/** @param toPlace undefined when the two are no place in this list. */
function placeOf<Place>(
  cursor: string | undefined,
  toPlace: (first: string, second: string) => Place | undefined,
): Place | 'wrong' | undefined {
  if (cursor === undefined || cursor === '') return undefined
  try {
    const [first = '', second = ''] = decodeCursor(cursor, 2)
    return toPlace(first, second) ?? 'wrong'
  } catch (error) {
    if (error instanceof ProblemError) return 'wrong'
    throw error
  }
}

function versionPlace(micros: string, version: string) {
  if (!/^-?\d{1,19}$/.test(micros)) return undefined
  const published = BigInt(micros)
  return BigInt.asIntN(64, published) === published ? { published, version } : undefined
}

/** Postgres takes no NUL in a text, and no name has one; an empty filter filters nothing. */
function storable(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined
  return text.replaceAll('\0', '\ufffd')
}

function sendList<Entry extends ServerEntry>(
  reply: FastifyReply,
  { rows, more }: Listed<Entry>,
  keyOf: (entry: Entry) => readonly string[],
) {
  const last = rows.at(-1)
  const nextCursor = more && last !== undefined ? { nextCursor: encodeCursor(keyOf(last)) } : {}
  const metadata = JSON.stringify({ ...nextCursor, count: rows.length })
  const servers = rows.map(({ entry }) => entry).join(',')
  return sendJson(reply, `{"servers":[${servers}],"metadata":${metadata}}`)
}

/** The entries are JSON already: reading and writing them again could only change them. */
function sendJson(reply: FastifyReply, text: string) {
  return reply.type('application/json; charset=utf-8').serializer(String).send(text)
}

function refuse(reply: FastifyReply, status: 400 | 404, error: string) {
  return reply.code(status).send({ error })
}
