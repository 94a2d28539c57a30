import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type EventRoutesDeps, eventRoutes } from './event-routes.ts'
import { type InstallationRoutesDeps, installationRoutes } from './installation-routes.ts'
import { type VerificationRoutesDeps, verificationRoutes } from './verification-routes.ts'

export type AuditDeps = EventRoutesDeps & InstallationRoutesDeps & VerificationRoutesDeps

/** What happened, what was true then, and whether what is shown now follows from it. */
export function auditRoutes(deps: AuditDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    await app.register(eventRoutes(deps))
    await app.register(installationRoutes(deps))
    await app.register(verificationRoutes(deps))
  }
}
