import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { decodeCursor, PageQuery, pageOf } from '../kernel/page.ts'
import { problem } from '../kernel/problem.ts'
import { busProgress, type MessageBus } from '../ports/message-bus.ts'
import type { ParkedEventState } from '../ports/projections.ts'
import { type ReadModelRoutesDeps, readModelRoutes } from './read-model-routes.ts'
import { lag, position, readModel } from './read-model-view.ts'

export type OperationsDeps = ReadModelRoutesDeps & { readonly bus: MessageBus }

const stream = Type.String({ minLength: 1, maxLength: 1_000 })

const RelayState = Type.Union([Type.Literal('following'), Type.Literal('other-log')])

const ParkedEvent = Type.Object({
  readModel,
  stream,
  cause: Type.String({ description: 'what was wrong with the event that parked the stream' }),
  eventId: Type.String(),
  type: Type.String(),
  revision: Type.String({ description: 'place in the stream, decimal' }),
  position,
})

const Retried = Type.Object({
  outcome: Type.Union([Type.Literal('projected'), Type.Literal('parked-again')]),
  events: Type.Integer({ description: 'how many events were projected now' }),
  cause: Type.Optional(Type.String({ description: 'why the next one was not' })),
})

/** What the machinery behind the commands does, and what it had to leave out. */
export function operationsRoutes(deps: OperationsDeps): FastifyPluginAsyncTypebox {
  const { projections, store, bus } = deps
  const tags = ['operations']

  return async (app) => {
    await app.register(readModelRoutes(deps))

    app.get(
      '/v1/operations/relay',
      {
        schema: {
          tags,
          summary: 'How far the message bus has followed the log',
          description:
            'A negative lag: the bus is beyond the end of the log. In the state `other-log` the ' +
            'newest event of the bus is not the one that the log has there, and the numbers say ' +
            'nothing: the relay empties the bus and fills it again, or says why it cannot in its ' +
            'readiness check.',
          response: { 200: Type.Object({ position, lag, state: RelayState }) },
        },
        config: { access: 'operations:read' },
      },
      async () => {
        const { newest, head, ofThisLog } = await busProgress({ store, bus })
        const held = newest?.position ?? 0n
        const state = ofThisLog ? 'following' : 'other-log'
        return { position: held.toString(), lag: (head - held).toString(), state } as const
      },
    )

    app.get(
      '/v1/operations/parked',
      {
        schema: {
          tags,
          summary: 'Events that a read model leaves out, oldest first',
          description:
            'An event that cannot be projected parks its stream for that read model: it and the ' +
            'later ones of its stream wait here, everything else goes on.',
          querystring: Type.Object({ ...PageQuery, readModel: Type.Optional(readModel) }),
          response: {
            200: Type.Object({
              items: Type.Array(ParkedEvent),
              nextCursor: Type.Optional(Type.String()),
            }),
          },
        },
        config: { access: 'operations:read' },
      },
      async ({ actor, query }) => {
        const { limit = 30 } = query
        const rows = await projections.parked({
          tenantId: actor.tenantId,
          limit: limit + 1,
          ...(query.readModel === undefined ? {} : { readModel: query.readModel }),
          ...(query.cursor === undefined ? {} : { after: placeOf(query.cursor) }),
        })
        return pageOf(rows, limit, toParkedEvent, (row) => [`${row.position}`, row.readModel])
      },
    )

    app.post(
      '/v1/operations/parked/retry',
      {
        schema: {
          tags,
          summary: "Project a parked stream's events again",
          description: 'In order, as far as they go; those that are projected are parked no more.',
          body: Type.Object({ readModel, stream }, { additionalProperties: false }),
          response: { 200: Retried },
        },
        config: { access: 'operations:write' },
      },
      async ({ actor, body }) => {
        const retried = await projections.retry({ tenantId: actor.tenantId, ...body })
        if (retried.outcome !== 'not-parked') return retried
        throw problem(404, 'not-parked', 'This stream is not parked for this read model.')
      },
    )
  }
}

function toParkedEvent(event: ParkedEventState): Static<typeof ParkedEvent> {
  return { ...event, revision: event.revision.toString(), position: event.position.toString() }
}

function placeOf(cursor: string): { readonly position: bigint; readonly readModel: string } {
  const [at = '', name = ''] = decodeCursor(cursor, 2)
  if (!/^\d{1,18}$/.test(at))
    throw problem(400, 'bad-cursor', 'This cursor is not one that a page of this list gave.')
  return { position: BigInt(at), readModel: name }
}
