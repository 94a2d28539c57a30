import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import websocket, { type WebSocket } from '@fastify/websocket'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { streamName } from '../../domain/kernel/ids.ts'
import { problem } from '../kernel/problem.ts'
import { webSocketUpgrades } from '../kernel/websocket-upgrades.ts'
import type { EventStore, Position } from '../ports/event-store.ts'
import { EventFeed, type EventFeedDeps } from './event-feed.ts'
import {
  type EventFilters,
  EventQuery,
  refuseBeyond,
  selectionOf,
  toPosition,
} from './event-query.ts'
import { type FeedLimits, FeedPlaces } from './feed-places.ts'
import { ServerSentClient } from './server-sent-client.ts'
import { SocketClient, SUBPROTOCOL } from './socket-client.ts'

const SOCKET_PATH = '/v1/events/socket'
/** Of what a client sends: this feed has no use for more than a ping. */
const MAX_FRAME_BYTES = 1_024

export type FeedRoutesDeps = EventFeedDeps & { readonly limits: FeedLimits }

const Query = Type.Object(EventQuery)
type FeedQuery = EventFilters & { readonly after?: string }

/** The log as it goes on: every way of following it leads to one feed. */
export function feedRoutes(deps: FeedRoutesDeps): FastifyPluginAsyncTypebox {
  const feed = new EventFeed(deps)
  const places = new FeedPlaces(deps.limits)
  const tags = ['audit']

  return async (app) => {
    app.get(
      '/v1/events/stream',
      {
        schema: {
          tags,
          summary: 'Events as they happen (server-sent events)',
          description:
            'Each event has its position as `id`; a reader that reconnects with `Last-Event-ID` ' +
            'misses nothing and sees nothing twice. Without it or `after`, from now on.',
          querystring: Query,
        },
        config: { access: 'audit:read' },
      },
      async (request, reply) => {
        const { actor, headers, query } = request
        const after = await startOf(deps.store, headers['last-event-id'] ?? query.after)
        const release = places.take(actor.actorId)
        openStream(reply)
        const client = new ServerSentClient(reply.raw, selectionOf(actor.tenantId, query), after)
        void feed.serve(client, after).finally(release)
      },
    )

    app.get(
      '/v1/workflow-runs/:runId/stream',
      {
        schema: {
          tags: ['workflow runs'],
          summary: 'What a run does, as it happens (server-sent events)',
          description:
            'From its first event, or after `Last-Event-ID` or `after`. It stays open when the run ends.',
          params: Type.Object({ runId: Type.String({ format: 'uuid' }) }),
          querystring: Type.Object({ after: EventQuery.after }),
        },
        config: { access: 'workflows:read' },
      },
      async (request, reply) => {
        const { actor, headers, params, query } = request
        const stream = streamName('run', actor.tenantId, params.runId)
        const begun = await beginningOf(deps.store, stream)
        const given = headers['last-event-id'] ?? query.after
        const after = given === undefined ? begun : await startOf(deps.store, given)
        const release = places.take(actor.actorId)
        openStream(reply)
        const client = new ServerSentClient(
          reply.raw,
          selectionOf(actor.tenantId, { stream }),
          after,
        )
        void feed.serve(client, after).finally(release)
      },
    )

    await app.register(websocket, {
      options: {
        server: webSocketUpgrades(app.server, SOCKET_PATH),
        maxPayload: MAX_FRAME_BYTES,
        clientTracking: false,
        handleProtocols: (offered) => offered.has(SUBPROTOCOL) && SUBPROTOCOL,
      },
      errorHandler: (_error, socket) => endFaulty(socket),
      // The feed ends its clients, and says why.
      preClose: (done) => done(),
    })
    const starts = new WeakMap<FastifyRequest, Position>()
    app.route<{ Querystring: FeedQuery }>({
      method: 'GET',
      url: SOCKET_PATH,
      schema: {
        tags,
        summary: 'Events as they happen (WebSocket)',
        description:
          'Each message is one CloudEvent in JSON, with its position; connect again with `after` = ' +
          'the last position to go on. docs/subscribing.md has the rest.',
        querystring: Query,
      },
      config: { access: 'audit:read' },
      preHandler: async (request) => {
        if (!request.ws)
          throw problem(426, 'upgrade-required', 'This address takes WebSockets only.')
        starts.set(request, await startOf(deps.store, request.query.after))
        request.socket.once('close', places.take(request.actor.actorId))
      },
      handler: async () => undefined,
      wsHandler: (socket, request) => {
        const { actor, query } = request
        const client = new SocketClient(socket, request.socket, selectionOf(actor.tenantId, query))
        void feed.serve(client, starts.get(request) ?? 0n)
      },
    })
  }
}

/** @throws {ProblemError} when `given` is no position, or one that this log does not have. */
async function startOf(store: EventStore, given: string | string[] | undefined): Promise<Position> {
  if (typeof given !== 'string') return await store.head()
  const after = toPosition(given)
  await refuseBeyond(store, after)
  return after
}

/**
 * The place before the first event of a run: what is older is not read through.
 *
 * @throws {ProblemError} 404 `run-not-found`.
 */
async function beginningOf(store: EventStore, stream: string): Promise<Position> {
  for await (const { position: from } of store.readStream(stream, { limit: 1 })) {
    for await (const before of store.readAll({ from, direction: 'backwards', limit: 1 }))
      return before.position
    return 0n
  }
  throw problem(404, 'run-not-found', 'There is no such run.')
}

/** The library has already answered what breaks the protocol, with a code that says so. */
function endFaulty(socket: WebSocket): void {
  if (socket.readyState === socket.OPEN) socket.close(1011, 'Something is wrong here.')
}

function openStream(reply: FastifyReply): void {
  reply.hijack()
  // The end of the connection ends the answer: without chunks each event is one write.
  reply.raw.useChunkedEncodingByDefault = false
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    // When the stream ends the connection does: a stopping server waits for none.
    connection: 'close',
  })
}
