import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { requireOperator } from '../kernel/actor.ts'
import type { Verifications } from '../kernel/verifications.ts'

/** The proof that everything which queries show is what the log says. */
export function verificationRoutes(verifications: Verifications): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      '/v1/audit/verifications',
      {
        schema: {
          tags: ['audit'],
          summary: 'Compare every read model with the log, row by row',
          description: verifications.description,
          response: verifications.response,
        },
        config: { access: 'operations:read' },
      },
      async (request, reply) => {
        requireOperator(request.actor)
        return await verifications.answer(request, reply)
      },
    )
  }
}
