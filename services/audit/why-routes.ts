import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type Static, Type } from 'typebox'
import { shownType } from '../../domain/custom/events.ts'
import { CloudEvent, toCloudEvent } from '../kernel/cloud-event.ts'
import { problem } from '../kernel/problem.ts'
import { toPosition } from './event-query.ts'
import { type Effect, type WhyDeps, whyOf } from './why.ts'

const EffectView = Type.Object({
  id: Type.String({ format: 'uuid' }),
  type: Type.String(),
  subject: Type.String({ description: 'stream' }),
  time: Type.String({ format: 'date-time' }),
  position: Type.String(),
  effects: Type.Array(Type.Unknown({ description: 'an effect of this one, of the same shape' })),
  more: Type.Boolean({
    description: 'it has more effects: ask why of it, `after` the last one here',
  }),
})

const WhyView = Type.Object({
  event: CloudEvent,
  causes: Type.Array(CloudEvent, { description: 'what led to it, the nearest first' }),
  began: Type.Object(
    {
      id: Type.String(),
      actorid: Type.String({ description: 'who gave the first command' }),
    },
    { description: 'the request, schedule or run with which it began, which is no event' },
  ),
  effects: Type.Array(EffectView, { description: 'what it led to, in the order of the log' }),
  more: Type.Boolean({ description: 'it has more direct effects: ask again with `after`' }),
})

const anId = '^([0-9]{1,19}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$'

/** Why something happened, and what it set off. */
export function whyRoutes(deps: WhyDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/events/:id/why',
      {
        schema: {
          tags: ['audit'],
          summary: 'What led to an event, and what it led to',
          description:
            'The chain of causes back to the request or run with which it began, and the tree of everything ' +
            'that followed, as the read models have it. An old call or use that led to nothing is found by its position only.',
          params: Type.Object({
            id: Type.String({ pattern: anId, description: "the event's id, or its position" }),
          }),
          querystring: Type.Object({
            after: Type.Optional(
              Type.String({
                pattern: '^[0-9]{1,19}$',
                description: 'only direct effects behind this position',
              }),
            ),
          }),
          response: { 200: WhyView },
        },
        config: { access: 'audit:read' },
      },
      async ({ actor, params, query }) => {
        const id = /^\d+$/.test(params.id) ? toPosition(params.id).toString() : params.id
        const why = await whyOf(deps, actor.tenantId, id, toPosition(query.after ?? '0'))
        if (why === undefined)
          throw problem(404, 'event-not-found', `There is no event "${params.id}".`)
        const first = why.causes.at(-1) ?? why.event
        return {
          event: toCloudEvent(why.event),
          causes: why.causes.map(toCloudEvent),
          began: { id: first.causationId, actorid: first.actorId },
          effects: why.effects.map(toView),
          more: why.more,
        }
      },
    )
  }
}

function toView({ row, effects, more }: Effect): Static<typeof EffectView> {
  return {
    id: row.event_id,
    type: shownType({ type: row.type, data: { name: idIn(row.stream) } }),
    subject: row.stream,
    time: new Date(row.occurred_at).toISOString(),
    position: row.position.toString(),
    effects: effects.map(toView),
    more,
  }
}

/** A tenant's own type is the id of its stream. */
function idIn(stream: string): string {
  return stream.slice(stream.indexOf('.') + 1)
}
