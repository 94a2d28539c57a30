import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { CloudEvent, toCloudEvent } from '../kernel/cloud-event.ts'
import { MAX_PAGE_BYTES, takePart } from '../kernel/page.ts'
import { problem } from '../kernel/problem.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import { EventFilterQuery, filterOf, toPosition } from './event-query.ts'
import { STREAM_TIMING, type StreamTiming, streamEvents } from './event-stream.ts'

const MAX_EVENTS = 1_000
const DEFAULT_EVENTS = 100
const MAX_STREAMS_PER_KEY = 5

export type EventRoutesDeps = {
  readonly store: EventStore
  readonly logger: Logger
  /** Aborted when the process stops: streams end, and their readers resume elsewhere. */
  readonly stopping: AbortSignal
  readonly timing?: StreamTiming
  /** A page ends with the event that reaches this. */
  readonly pageBytes?: number
}

const Events = Type.Object({
  items: Type.Array(CloudEvent),
  nextAfter: Type.String({ description: 'what `after` of the next request has to be' }),
})

/** The log itself, as far as it is the caller's: in pages, and live. */
export function eventRoutes(deps: EventRoutesDeps): FastifyPluginAsyncTypebox {
  const tags = ['audit']
  const { store, pageBytes = MAX_PAGE_BYTES } = deps
  const streams = countPerKey()

  return async (app) => {
    app.get(
      '/v1/events',
      {
        schema: {
          tags,
          summary: 'Events in the order of the log',
          description:
            'Ask again with `after` = `nextAfter`; no event is left out or repeated. A page of large ' +
            'events ends before `limit`; only an empty one is the last.',
          querystring: Type.Object({
            ...EventFilterQuery,
            limit: Type.Optional(
              Type.Integer({ minimum: 1, maximum: MAX_EVENTS, default: DEFAULT_EVENTS }),
            ),
          }),
          response: { 200: Events },
        },
        config: { access: 'audit:read' },
      },
      async ({ actor, query }) => {
        const from = toPosition(query.after ?? '0')
        const limit = query.limit ?? DEFAULT_EVENTS
        const found = store.readAll({ ...filterOf(actor.tenantId, query), from, limit })
        const bounds = { limit, bytes: pageBytes }
        const { rows } = await takePart(found, bounds, ({ raw }) => Buffer.byteLength(raw.data))
        const last = rows.at(-1)?.position ?? from
        return { items: rows.map(toCloudEvent), nextAfter: last.toString() }
      },
    )

    app.get(
      '/v1/events/stream',
      {
        schema: {
          tags,
          summary: 'Events as they happen (server-sent events)',
          description:
            'Each event has its position as `id`; a reader that reconnects with `Last-Event-ID` ' +
            'misses nothing and sees nothing twice. Without it or `after`, from now on.',
          querystring: Type.Object(EventFilterQuery),
        },
        config: { access: 'audit:read' },
      },
      async (request, reply) => {
        const after = await startOf(request, request.query.after)
        const release = streams.take(request.actor.actorId)
        const filter = filterOf(request.actor.tenantId, request.query)
        openStream(reply)
        const options = { ...filter, after, signal: deps.stopping }
        streamEvents(store, reply.raw, options, deps.timing ?? STREAM_TIMING)
          .catch((error: unknown) =>
            deps.logger.warn({ err: error, correlationId: request.id }, 'Event stream broke.'),
          )
          .finally(release)
      },
    )
  }

  async function startOf({ headers }: FastifyRequest, after: string | undefined) {
    const resume = headers['last-event-id'] ?? after
    return typeof resume === 'string' ? toPosition(resume) : await store.head()
  }
}

function openStream(reply: FastifyReply): void {
  reply.hijack()
  reply.raw.writeHead(200, {
    ...(reply.getHeaders() as Record<string, string>),
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    // When the stream ends the connection does: a stopping server waits for none.
    connection: 'close',
  })
}

/** @returns what releases the place that was taken. */
function countPerKey(): { readonly take: (key: string) => () => void } {
  const open = new Map<string, number>()
  return {
    take(key) {
      const count = open.get(key) ?? 0
      if (count >= MAX_STREAMS_PER_KEY)
        throw problem(
          429,
          'too-many-streams',
          `This key has ${MAX_STREAMS_PER_KEY} event streams open; end one of them.`,
        )
      open.set(key, count + 1)
      return () => {
        const left = (open.get(key) ?? 1) - 1
        if (left === 0) open.delete(key)
        else open.set(key, left)
      }
    },
  }
}
