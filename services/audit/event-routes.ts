import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { CloudEvent, toCloudEvent } from '../kernel/cloud-event.ts'
import { MAX_PAGE_BYTES, takePart } from '../kernel/page.ts'
import type { EventStore, Position, RecordedEvent } from '../ports/event-store.ts'
import {
  EventQuery,
  type EventSelection,
  isSelected,
  refuseBeyond,
  selectionOf,
  toPosition,
} from './event-query.ts'

const MAX_EVENTS = 1_000
const DEFAULT_EVENTS = 100

export type EventRoutesDeps = {
  readonly store: EventStore
  /** A page ends with the event that reaches this. */
  readonly pageBytes?: number
}

const Events = Type.Object({
  items: Type.Array(CloudEvent),
  nextAfter: Type.String({ description: 'what `after` of the next request has to be' }),
})

/** The log itself, as far as it is the caller's, in pages. */
export function eventRoutes({
  store,
  pageBytes = MAX_PAGE_BYTES,
}: EventRoutesDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/events',
      {
        schema: {
          tags: ['audit'],
          summary: 'Events in the order of the log',
          description:
            'Ask again with `after` = `nextAfter`; no event is left out or repeated. A page of large ' +
            'events ends before `limit`; only an empty one is the last.',
          querystring: Type.Object({
            ...EventQuery,
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
        const found = selected(store, selectionOf(actor.tenantId, query), from, limit)
        const bounds = { limit, bytes: pageBytes }
        const { rows } = await takePart(found, bounds, ({ raw }) => Buffer.byteLength(raw.data))
        const last = rows.at(-1)?.position ?? from
        if (rows.length === 0) await refuseBeyond(store, from)
        return { items: rows.map(toCloudEvent), nextAfter: last.toString() }
      },
    )
  }
}

async function* selected(
  store: EventStore,
  selection: EventSelection,
  from: Position,
  limit: number,
): AsyncIterable<RecordedEvent> {
  const atMost = selection.shown === undefined ? { limit } : {}
  for await (const event of store.readAll({ ...selection, from, ...atMost }))
    if (isSelected(selection, event)) yield event
}
