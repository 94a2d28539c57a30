import type { FastifyInstance } from 'fastify'
import type { Logger } from '../ports/logger.ts'
import type { Metrics } from '../ports/metrics.ts'

const MAX_PATH_LENGTH = 300

/**
 * One line and one measurement a request: never headers or bodies, and a path without its
 * query, because people put secrets there. The logger writes JSON, so no path breaks a line.
 */
export function logAccess(
  app: FastifyInstance,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: Metrics },
): void {
  app.addHook('onResponse', async (request, reply) => {
    const seconds = reply.elapsedTime / 1_000
    const route = request.routeOptions.url ?? 'unmatched'
    metrics.requestServed(request.method, route, reply.statusCode, seconds)
    const path = request.url.split('?', 1)[0]?.slice(0, MAX_PATH_LENGTH)
    const fields = {
      correlationId: request.id,
      method: request.method,
      path,
      status: reply.statusCode,
      durationMs: Math.round(reply.elapsedTime * 10) / 10,
      remote: request.ip,
    }
    if (route.startsWith('/health') || route === '/metrics') logger.debug(fields, 'Request.')
    else logger.info(fields, 'Request.')
  })
}
