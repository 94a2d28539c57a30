import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { v4 as randomUuid } from 'uuid'
import { isKnown, webhook, webhookStream } from '../../domain/webhooks/webhook.ts'
import { appendContext } from '../kernel/actor.ts'
import { execute, load } from '../kernel/execute.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { SecretStore } from '../ports/secret-store.ts'
import { createSecret, dropOutdated } from './signing-secrets.ts'
import { position, secret, webhookId } from './webhook-view.ts'

type SecretRoutesDeps = {
  readonly events: EventStore
  readonly secrets: SecretStore
  readonly now: () => Date
}

const DAY_S = 86_400
const MAX_OVERLAP_S = 7 * DAY_S

const Rotation = Type.Union([
  Type.Object(
    {
      overlapSeconds: Type.Optional(
        Type.Integer({
          minimum: 0,
          maximum: MAX_OVERLAP_S,
          default: DAY_S,
          description: 'how long messages carry a signature of the old secret, too',
        }),
      ),
    },
    { additionalProperties: false },
  ),
  Type.Null(),
])

/** A new signing secret, without a moment in which a receiver cannot check a message. */
export function secretRoutes(deps: SecretRoutesDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/webhooks/:webhookId/rotate-secret',
      {
        schema: {
          tags: ['webhooks'],
          summary: 'Replace the signing secret',
          params: Type.Object({ webhookId }),
          body: Type.Optional(Rotation),
          response: {
            200: Type.Object({
              secret,
              previousUntil: Type.String({
                format: 'date-time',
                description: 'until then messages carry both signatures',
              }),
              position,
            }),
          },
        },
        config: { access: 'operations:write' },
      },
      async (request, reply) => {
        const key = { tenantId: request.actor.tenantId, ...request.params }
        const stream = webhookStream(key.tenantId, key.webhookId)
        const { state: before } = await load(deps.events, webhook, stream)
        const now = deps.now()
        const overlapMs = (request.body?.overlapSeconds ?? DAY_S) * 1_000
        const previousUntil = new Date(now.getTime() + overlapMs).toISOString()
        const secretId = randomUuid()
        const command = {
          ...({ type: 'RotateWebhookSecret', ...request.params, secretId, previousUntil } as const),
          now: now.toISOString(),
        }
        const shown = isKnown(before) ? await createSecret(deps.secrets, key, secretId) : ''
        const done = await execute(deps.events, webhook, stream, command, appendContext(request))
        if (isKnown(before)) await dropOutdated(deps.secrets, key, before)
        reply.header('cache-control', 'no-store')
        return { secret: shown, previousUntil, position: done.position.toString() }
      },
    )
  }
}
