import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyRequest } from 'fastify'
import type { Kysely } from 'kysely'
import { Type } from 'typebox'
import { v4 as randomUuid } from 'uuid'
import { loggedType } from '../../domain/custom/events.ts'
import { eventDefinition } from '../../domain/event-catalogue.ts'
import { type WebhookCommand, webhook, webhookStream } from '../../domain/webhooks/webhook.ts'
import {
  findWebhook,
  listWebhooks,
  type WebhooksTables,
} from '../../projections/webhooks/webhooks.ts'
import { appendContext } from '../kernel/actor.ts'
import { execute } from '../kernel/execute.ts'
import { decodeCursor, PageQuery, pageOf } from '../kernel/page.ts'
import { problem } from '../kernel/problem.ts'
import type { DeliveryLedger } from '../ports/delivery-ledger.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { SecretStore } from '../ports/secret-store.ts'
import { WebhookAddressError, type WebhookSender } from '../ports/webhook-sender.ts'
import { deliveryRoutes } from './delivery-routes.ts'
import { secretRoutes } from './secret-routes.ts'
import { createSecret } from './signing-secrets.ts'
import {
  position,
  secret,
  Webhook,
  WebhookDetail,
  webhookDetail,
  webhookId,
  webhookView,
} from './webhook-view.ts'

export type WebhookRoutesDeps = {
  readonly events: EventStore
  readonly db: Kysely<WebhooksTables>
  readonly ledger: DeliveryLedger
  readonly secrets: SecretStore
  readonly sender: WebhookSender
  readonly now: () => Date
}

const MAX_WEBHOOKS = 100

const settings = {
  name: Type.Optional(Type.String({ maxLength: 200, description: 'what people see' })),
  types: Type.Optional(
    Type.Array(Type.String({ pattern: '^(custom\\.)?[A-Za-z0-9]{1,100}$' }), {
      maxItems: 50,
      uniqueItems: true,
      description: 'event types that are sent, `custom.<Name>` for your own; none = all',
    }),
  ),
}
const url = Type.String({
  minLength: 1,
  maxLength: 2_000,
  description: 'https address; it is a part of the log: no secret belongs into it',
})
const NewWebhook = Type.Object({ url, ...settings }, { additionalProperties: false })
const Changes = Type.Object(
  {
    url: Type.Optional(url),
    ...settings,
    enabled: Type.Optional(
      Type.Boolean({ description: 'false pauses it, true resumes it, also when it is disabled' }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
)
const Params = Type.Object({ webhookId })

/** Where a tenant is told what happens, by signed messages (Standard Webhooks). */
export function webhookRoutes(deps: WebhookRoutesDeps): FastifyPluginAsyncTypebox {
  const tags = ['webhooks']

  function run(request: FastifyRequest, command: WebhookCommand) {
    const stream = webhookStream(request.actor.tenantId, command.webhookId)
    return execute(deps.events, webhook, stream, command, appendContext(request))
  }

  return async (app) => {
    await app.register(secretRoutes(deps))
    await app.register(deliveryRoutes(deps))

    app.post(
      '/v1/webhooks',
      {
        schema: {
          tags,
          summary: 'Register a webhook',
          description:
            'It is sent every event that happens from now on. What is read there is what `audit:read` allows, so that scope is needed, too.',
          body: NewWebhook,
          response: { 201: Type.Object({ webhookId, secret, position }) },
        },
        config: { access: 'operations:write' },
      },
      async (request, reply) => {
        const { tenantId } = request.actor
        const { url: to, name = '', types = [] } = request.body
        check(request, deps.sender, { url: to, types })
        if ((await listWebhooks(deps.db, tenantId, { limit: MAX_WEBHOOKS })).length >= MAX_WEBHOOKS)
          throw problem(409, 'too-many-webhooks', `There are ${MAX_WEBHOOKS} webhooks; remove one.`)
        const id = randomUuid()
        const secretId = randomUuid()
        const shown = await createSecret(deps.secrets, { tenantId, webhookId: id }, secretId)
        const now = deps.now().toISOString()
        const done = await run(request, {
          ...{ type: 'RegisterWebhook', webhookId: id, name, url: to, types, secretId, now },
        })
        reply.code(201).header('cache-control', 'no-store').header('location', `/v1/webhooks/${id}`)
        return { webhookId: id, secret: shown, position: done.position.toString() }
      },
    )

    app.get(
      '/v1/webhooks',
      {
        schema: {
          tags,
          summary: 'List webhooks, without their secrets',
          querystring: Type.Object(PageQuery),
          response: {
            200: Type.Object({
              items: Type.Array(Webhook),
              nextCursor: Type.Optional(Type.String()),
            }),
          },
        },
        config: { access: 'audit:read' },
      },
      async ({ actor, query: { limit = 30, cursor } }) => {
        const [after] = cursor === undefined ? [] : decodeCursor(cursor, 1)
        const rows = await listWebhooks(deps.db, actor.tenantId, { after, limit: limit + 1 })
        return pageOf(rows, limit, webhookView, ({ webhook_id }) => [webhook_id])
      },
    )

    app.get(
      '/v1/webhooks/:webhookId',
      {
        schema: {
          tags,
          summary: 'A webhook and what is owed to it',
          params: Params,
          response: { 200: WebhookDetail },
        },
        config: { access: 'audit:read' },
      },
      async ({ actor: { tenantId }, params }) => {
        const row = await findWebhook(deps.db, tenantId, params.webhookId)
        if (row === undefined) throw webhookNotFound(params.webhookId)
        const [backlog] = await deps.ledger.backlog({ tenantId, ...params })
        return webhookDetail(row, backlog)
      },
    )

    app.patch(
      '/v1/webhooks/:webhookId',
      {
        schema: {
          tags,
          summary: 'Change, pause or resume a webhook',
          description:
            'What happens while it is paused or disabled is sent after it was resumed. Resuming ' +
            'also sends at once what is owed.',
          params: Params,
          body: Changes,
          response: { 200: Type.Object({ position }) },
        },
        config: { access: 'operations:write' },
      },
      async (request) => {
        check(request, deps.sender, request.body)
        const now = deps.now().toISOString()
        const changes = { ...request.params, ...request.body }
        const done = await run(request, { type: 'ChangeWebhook', ...changes, now })
        return { position: done.position.toString() }
      },
    )

    app.delete(
      '/v1/webhooks/:webhookId',
      {
        schema: {
          tags,
          summary: 'Remove a webhook with its secret and everything owed to it',
          params: Params,
          response: { 200: Type.Object({ position }) },
        },
        config: { access: 'operations:write' },
      },
      async (request) => {
        const now = deps.now().toISOString()
        const done = await run(request, { type: 'RemoveWebhook', ...request.params, now })
        return { position: done.position.toString() }
      },
    )
  }
}

/** @throws {ProblemError} when the caller may not have this sent there. */
function check(
  { actor }: FastifyRequest,
  sender: WebhookSender,
  asked: { readonly url?: string; readonly types?: readonly string[] },
): void {
  if (!actor.scopes.includes('audit:read'))
    throw problem(403, 'missing-scope', 'This needs an API key with the scope "audit:read", too.')
  if (asked.url !== undefined) checkAddress(sender, asked.url)
  for (const type of asked.types ?? []) {
    const context = eventDefinition(loggedType(type))?.context
    if (context === undefined)
      throw problem(422, 'unknown-event-type', `There is no event type "${type}".`)
    if (context === 'webhooks')
      throw problem(422, 'event-type-not-sent', 'What webhooks cause is not sent to webhooks.')
  }
}

function checkAddress(sender: WebhookSender, address: string): void {
  try {
    sender.check(address)
  } catch (error) {
    if (error instanceof WebhookAddressError)
      throw problem(422, 'webhook-address-refused', error.message)
    throw error
  }
}

function webhookNotFound(id: string) {
  return problem(404, 'webhook-not-found', `There is no webhook "${id}".`)
}
