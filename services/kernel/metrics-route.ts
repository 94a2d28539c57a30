import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'

export type MetricsText = { readonly contentType: string; readonly text: string }

/**
 * `/metrics` in the text format of Prometheus.
 *
 * @param isPublic without an API key, for a scraper that cannot send one; route names and
 *   counts are then open to whoever reaches the port.
 */
export function metricsRoute(
  expose: () => Promise<MetricsText>,
  isPublic: boolean,
): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/metrics',
      {
        schema: { tags: ['operations'], summary: 'Metrics for Prometheus' },
        config: { access: isPublic ? 'anyone' : 'operations:read' },
      },
      async (_request, reply) => {
        const { contentType, text } = await expose()
        return reply.type(contentType).send(text)
      },
    )
  }
}
