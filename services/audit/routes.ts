import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Verifications } from '../kernel/verifications.ts'
import { type EventRoutesDeps, eventRoutes } from './event-routes.ts'
import { type FeedRoutesDeps, feedRoutes } from './feed-routes.ts'
import { type InstallationRoutesDeps, installationRoutes } from './installation-routes.ts'
import { verificationRoutes } from './verification-routes.ts'
import type { WhyDeps } from './why.ts'
import { whyRoutes } from './why-routes.ts'

export type AuditDeps = EventRoutesDeps &
  FeedRoutesDeps &
  InstallationRoutesDeps &
  WhyDeps & { readonly verifications: Verifications }

/** What happened, what was true then, and whether what is shown now follows from it. */
export function auditRoutes(deps: AuditDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    await app.register(eventRoutes(deps))
    await app.register(feedRoutes(deps))
    await app.register(installationRoutes(deps))
    await app.register(whyRoutes(deps))
    await app.register(verificationRoutes(deps.verifications))
  }
}
