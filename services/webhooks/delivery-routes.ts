import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import { type Static, Type } from 'typebox'
import { v4 as randomUuid } from 'uuid'
import {
  isKnown,
  type ReplaySelection,
  webhook,
  webhookStream,
} from '../../domain/webhooks/webhook.ts'
import { findWebhook, type WebhooksTables } from '../../projections/webhooks/webhooks.ts'
import { appendContext } from '../kernel/actor.ts'
import { execute, load } from '../kernel/execute.ts'
import { decodeCursor, PageQuery, pageOf } from '../kernel/page.ts'
import { problem } from '../kernel/problem.ts'
import type { DeliveryLedger, WebhookKey } from '../ports/delivery-ledger.ts'
import type { EventStore } from '../ports/event-store.ts'
import { type CallDeps, call } from './call.ts'
import { testEvent } from './test-event.ts'
import {
  AttemptView,
  attemptView,
  DeliveryView,
  deliveryView,
  position,
  webhookId,
} from './webhook-view.ts'

type DeliveryRoutesDeps = CallDeps & {
  readonly events: EventStore
  readonly db: Kysely<WebhooksTables>
  readonly ledger: DeliveryLedger
}

const Params = Type.Object({ webhookId })
const place = (description: string) =>
  Type.Optional(Type.String({ pattern: '^(0|[1-9][0-9]{0,17})$', description }))
const ReplayRequest = Type.Object(
  {
    eventId: Type.Optional(
      Type.String({ format: 'uuid', description: 'this one alone, parked or delivered' }),
    ),
    after: place('only what comes after this position; by default from the first event'),
    through: place('only up to and with this position; by default what there is now'),
    what: Type.Optional(
      Type.Enum(['parked', 'all'], {
        default: 'parked',
        description:
          'deliveries that were given up, or every event of that part of the log that the webhook wants',
      }),
    ),
  },
  { additionalProperties: false },
)

/** How the messages fare, and sending them again. */
export function deliveryRoutes(deps: DeliveryRoutesDeps): FastifyPluginAsyncTypebox {
  const tags = ['webhooks']
  const keyOf = (
    request: FastifyRequest & { readonly params: { readonly webhookId: string } },
  ) => ({
    tenantId: request.actor.tenantId,
    webhookId: request.params.webhookId,
  })

  return async (app) => {
    app.get(
      '/v1/webhooks/:webhookId/deliveries',
      {
        schema: {
          tags,
          summary: 'Messages to a webhook, the newest events first',
          description: 'What was delivered is remembered for seven days.',
          params: Params,
          querystring: Type.Object({
            ...PageQuery,
            state: Type.Optional(Type.Enum(['owed', 'delivered', 'parked'])),
          }),
          response: {
            200: Type.Object({
              items: Type.Array(DeliveryView),
              nextCursor: Type.Optional(Type.String()),
            }),
          },
        },
        config: { access: 'audit:read' },
      },
      async (request) => {
        const key = keyOf(request)
        const { limit = 30, cursor, state } = request.query
        if ((await findWebhook(deps.db, key.tenantId, key.webhookId)) === undefined)
          throw notFound(key)
        const before = cursor === undefined ? undefined : positionIn(cursor)
        const rows = await deps.ledger.list(key, { state, before, limit: limit + 1 })
        return pageOf(rows, limit, deliveryView, (row) => [row.position.toString()])
      },
    )

    app.post(
      '/v1/webhooks/:webhookId/replay',
      {
        schema: {
          tags,
          summary: 'Send again',
          description:
            'Without anything: all that is parked. The messages keep their `webhook-id`.',
          params: Params,
          body: ReplayRequest,
          response: { 202: Type.Object({ replayId: Type.String(), position }) },
        },
        config: { access: 'operations:write' },
      },
      async (request, reply) => {
        const key = keyOf(request)
        const selection = await selectionOf(deps, key, request.body)
        const replayId = randomUuid()
        const now = deps.now().toISOString()
        const done = await execute(
          deps.events,
          webhook,
          webhookStream(key.tenantId, key.webhookId),
          { type: 'RequestWebhookReplay', webhookId: key.webhookId, replayId, selection, now },
          appendContext(request),
        )
        reply.code(202)
        return { replayId, position: done.position.toString() }
      },
    )

    app.post(
      '/v1/webhooks/:webhookId/test',
      {
        schema: {
          tags,
          summary: 'Send one signed test message now, once',
          description:
            'It has the type `WebhookTest` and no place in the log. Also sent while the webhook is paused.',
          params: Params,
          response: { 200: Type.Object({ eventId: Type.String(), attempt: AttemptView }) },
        },
        config: { access: 'operations:write' },
      },
      async (request) => {
        const key = keyOf(request)
        const { state } = await load(
          deps.events,
          webhook,
          webhookStream(key.tenantId, key.webhookId),
        )
        if (!isKnown(state)) throw notFound(key)
        const event = testEvent(key, appendContext(request), deps.now())
        const { attempt } = await call(deps, key, state, event, new AbortController().signal)
        return { eventId: event.id, attempt: attemptView(attempt) }
      },
    )
  }
}

function positionIn(cursor: string): bigint {
  const [text = ''] = decodeCursor(cursor, 1)
  if (/^\d{1,18}$/.test(text)) return BigInt(text)
  throw problem(400, 'bad-cursor', 'This cursor is not one that a page of this list gave.')
}

async function selectionOf(
  { events, ledger }: DeliveryRoutesDeps,
  key: WebhookKey,
  { eventId, after, through, what }: Static<typeof ReplayRequest>,
): Promise<ReplaySelection> {
  if (eventId === undefined) {
    const range = { after: after ?? '0', through: through ?? (await events.head()).toString() }
    if (BigInt(range.after) <= BigInt(range.through)) return { kind: what ?? 'parked', ...range }
    throw problem(422, 'invalid-replay', '`after` must not be greater than `through`.')
  }
  if (after !== undefined || through !== undefined)
    throw problem(422, 'invalid-replay', 'Name one event, or positions, not both.')
  if ((await ledger.find(key, eventId)) === undefined)
    throw problem(
      404,
      'delivery-not-found',
      'No delivery of this event is remembered; with positions and `what: "all"` it is sent again.',
    )
  return { kind: 'event', eventId }
}

function notFound({ webhookId: id }: WebhookKey) {
  return problem(404, 'webhook-not-found', `There is no webhook "${id}".`)
}
