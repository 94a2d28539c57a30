import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import { v4 as randomUuid } from 'uuid'
import { type SourceCommand, source, sourceStream } from '../../domain/registry/source.ts'
import type { CatalogueTables } from '../../projections/registry/catalogue-tables.ts'
import { countPresent } from '../../projections/registry/mirror-state.ts'
import { findSource, listSources, type SourcesTables } from '../../projections/registry/sources.ts'
import { appendContext } from '../kernel/actor.ts'
import { execute } from '../kernel/execute.ts'
import { decodeCursor, PageQuery, pageOf } from '../kernel/page.ts'
import { problem } from '../kernel/problem.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { SyncLedger } from '../ports/sync-ledger.ts'
import {
  type UpstreamAddress,
  UpstreamError,
  type UpstreamRegistry,
} from '../ports/upstream-registry.ts'
import { registryApiRoutes } from './registry-api-routes.ts'
import { sourceId } from './source-id.ts'
import { Source, SourceDetail, sourceView } from './source-view.ts'

export type RegistryDeps = {
  readonly events: EventStore
  readonly db: Kysely<CatalogueTables & SourcesTables>
  readonly upstream: UpstreamRegistry
  readonly ledger: SyncLedger
  readonly now: () => Date
}

const DEFAULT_INTERVAL_S = 3_600
const MAX_INTERVAL_S = 31 * 24 * 3_600

const Params = Type.Object({ sourceId })
const position = Type.String({ description: 'position of the command in the log, decimal' })
const NewSource = Type.Object(
  {
    sourceId: Type.Optional(sourceId),
    name: Type.String({ minLength: 1, maxLength: 200 }),
    kind: Type.Union([Type.Literal('official'), Type.Literal('file')]),
    location: Type.String({
      minLength: 1,
      maxLength: 2_000,
      description: 'base URL of a registry, or absolute path of a snapshot on the server',
    }),
    syncIntervalSeconds: Type.Optional(
      Type.Integer({ minimum: 60, maximum: MAX_INTERVAL_S, default: DEFAULT_INTERVAL_S }),
    ),
  },
  { additionalProperties: false },
)
const SyncRequest = Type.Union([
  Type.Object(
    {
      acceptShrink: Type.Optional(
        Type.Boolean({ description: 'the upstream is expected to list far fewer entries' }),
      ),
    },
    { additionalProperties: false },
  ),
  Type.Null(),
])

/** The registries that are mirrored, and the catalogue as the registry API shows it. */
export function registryRoutes(deps: RegistryDeps): FastifyPluginAsyncTypebox {
  const tags = ['registry']

  function run(request: FastifyRequest, command: SourceCommand) {
    const stream = sourceStream(request.actor.tenantId, command.sourceId)
    return execute(deps.events, source, stream, command, appendContext(request))
  }

  return async (app) => {
    await app.register(registryApiRoutes(deps))

    app.post(
      '/v1/registry/sources',
      {
        schema: {
          tags,
          summary: 'Add a registry to mirror',
          description:
            'Its first sync begins by itself within seconds. Repeating the request with the same `sourceId` and content changes nothing.',
          body: NewSource,
          response: { 201: Type.Object({ sourceId, position }) },
        },
        config: { access: 'sources:write' },
      },
      async (request, reply) => {
        const { syncIntervalSeconds = DEFAULT_INTERVAL_S, ...asked } = request.body
        await check(deps.upstream, asked)
        const id = asked.sourceId ?? randomUuid()
        const now = deps.now().toISOString()
        const command = { type: 'AddSource', ...asked, sourceId: id, syncIntervalSeconds, now }
        const done = await run(request, command as SourceCommand)
        reply.code(201).header('location', `/v1/registry/sources/${id}`)
        return { sourceId: id, position: done.position.toString() }
      },
    )

    app.get(
      '/v1/registry/sources',
      {
        schema: {
          tags,
          summary: 'List the registries that are mirrored',
          querystring: Type.Object(PageQuery),
          response: {
            200: Type.Object({
              items: Type.Array(Source),
              nextCursor: Type.Optional(Type.String()),
            }),
          },
        },
        config: { access: 'catalogue:read' },
      },
      async ({ actor, query: { limit = 30, cursor } }) => {
        const [after = ''] = cursor === undefined ? [] : decodeCursor(cursor, 1)
        const rows = await listSources(deps.db, actor.tenantId, { after, limit: limit + 1 })
        return pageOf(rows, limit, sourceView, ({ source_id }) => [source_id])
      },
    )

    app.get(
      '/v1/registry/sources/:sourceId',
      {
        schema: {
          tags,
          summary: 'A mirrored registry, its last sync and the one that is running',
          params: Params,
          response: { 200: SourceDetail },
        },
        config: { access: 'catalogue:read' },
      },
      async ({ actor: { tenantId }, params }) => {
        const row = await findSource(deps.db, tenantId, params.sourceId)
        if (row === undefined) throw notFound(params.sourceId)
        const key = { tenantId, sourceId: params.sourceId }
        const entries = await countPresent(deps.db, key)
        const running = await deps.ledger.running(key)
        const view = { ...sourceView(row), entries }
        if (running === undefined) return view
        return { ...view, progress: { ...running, updatedAt: running.updatedAt.toISOString() } }
      },
    )

    app.delete(
      '/v1/registry/sources/:sourceId',
      {
        schema: {
          tags,
          summary: 'Stop mirroring a registry',
          description: 'Its entries leave the catalogue. What was installed from it stays.',
          params: Params,
          response: { 200: Type.Object({ position }) },
        },
        config: { access: 'sources:write' },
      },
      async (request) => {
        const now = deps.now().toISOString()
        const done = await run(request, { type: 'RemoveSource', ...request.params, now })
        return { position: done.position.toString() }
      },
    )

    app.post(
      '/v1/registry/sources/:sourceId/sync',
      {
        schema: {
          tags,
          summary: 'Sync now',
          description: 'Answers with the run that is in progress when there is one already.',
          params: Params,
          body: Type.Optional(SyncRequest),
          response: { 202: Type.Object({ runId: Type.String(), position }) },
        },
        config: { access: 'sources:write' },
      },
      async (request, reply) => {
        const runId = randomUuid()
        const { state, position: at } = await run(request, {
          type: 'StartSync',
          ...request.params,
          runId,
          trigger: 'request',
          acceptShrink: request.body?.acceptShrink ?? false,
          now: deps.now().toISOString(),
        })
        reply.code(202).header('location', `/v1/registry/sources/${request.params.sourceId}`)
        return { runId: state.status === 'running' ? state.runId : runId, position: at.toString() }
      },
    )
  }
}

function notFound(id: string) {
  return problem(404, 'source-not-found', `There is no source "${id}".`)
}

async function check(upstream: UpstreamRegistry, address: UpstreamAddress): Promise<void> {
  try {
    await upstream.check(address)
  } catch (error) {
    if (error instanceof UpstreamError) throw problem(422, error.code, error.message)
    throw error
  }
}
