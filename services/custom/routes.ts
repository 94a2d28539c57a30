import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { v5 as uuidOf } from 'uuid'
import { appendContext } from '../kernel/actor.ts'
import { IdempotencyHeaders } from '../kernel/idempotency.ts'
import { type CustomDeps, emit, registerType } from './commands.ts'
import { Emission, NewType } from './schemas.ts'

const tags = ['events']
const config = { access: 'events:write' } as const
const position = Type.String({ description: 'in the log, decimal' })
const shown = Type.String({ description: '`custom.` and the name' })

/** Namespace of ids that follow from an idempotency key (RFC 9562, version 5). */
const KEY_NAMESPACE = '8d0f2a51-3f5e-4d51-9b6c-6a4d3a7c0f19'

/** Events that a tenant defines itself, for its rules, workflows and subscribers. */
export function customRoutes(deps: CustomDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/custom-events/types',
      {
        config,
        schema: {
          tags,
          summary: 'Register an event type of your own',
          description:
            'Again with another schema makes a new version; again with the same one changes nothing.',
          body: NewType,
          response: {
            200: Type.Object({ type: shown, version: Type.Integer({ minimum: 1 }), position }),
          },
        },
      },
      async (request) => {
        const done = await registerType(deps, request.body, appendContext(request))
        const type = `custom.${request.body.name}`
        return { type, version: done.version, position: done.position.toString() }
      },
    )

    app.post(
      '/v1/custom-events',
      {
        config,
        schema: {
          tags,
          summary: 'Emit an event of a registered type',
          description: 'With an idempotency key it is emitted once, however often it is sent.',
          headers: IdempotencyHeaders,
          body: Emission,
          response: {
            201: Type.Object({ eventId: Type.String({ format: 'uuid' }), type: shown, position }),
          },
        },
      },
      async (request, reply) => {
        const { tenantId } = request.actor
        const { name } = request.body
        const key = request.headers['idempotency-key']
        const once =
          key === undefined
            ? {}
            : { commandId: uuidOf(`${tenantId}/${name}/${key}`, KEY_NAMESPACE) }
        const done = await emit(deps, request.body, { ...appendContext(request), ...once })
        reply.code(201)
        return {
          eventId: done.eventId,
          type: `custom.${name}`,
          position: done.position.toString(),
        }
      },
    )
  }
}
