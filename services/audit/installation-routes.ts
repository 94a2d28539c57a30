import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import type { Row } from '../../projections/kernel/read-model.ts'
import { CloudEvent, toCloudEvent } from '../kernel/cloud-event.ts'
import { problem } from '../kernel/problem.ts'
import type { EventStore } from '../ports/event-store.ts'
import { installationThen } from './installation-then.ts'

export type InstallationRoutesDeps = { readonly store: EventStore; readonly now: () => Date }

const AsOf = Type.Object({
  installationId: Type.String(),
  at: Type.String({ format: 'date-time' }),
  installation: Type.Record(Type.String(), Type.Unknown(), {
    description: 'the installation as its read model would have shown it then',
  }),
  stages: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  versions: Type.Array(Type.Record(Type.String(), Type.Unknown())),
  events: Type.Array(CloudEvent, { description: 'all that led there, with who and when' }),
})

/** What was true then, by replay. */
export function installationRoutes({
  store,
  now,
}: InstallationRoutesDeps): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      '/v1/audit/installations/:installationId',
      {
        schema: {
          tags: ['audit'],
          summary: 'An installation as it was at a moment',
          params: Type.Object({ installationId: Type.String({ format: 'uuid' }) }),
          querystring: Type.Object({
            at: Type.Optional(
              Type.String({ format: 'date-time', description: 'by default the present' }),
            ),
          }),
          response: { 200: AsOf },
        },
        config: { access: 'audit:read' },
      },
      async ({ actor, params: { installationId }, query }) => {
        const at = query.at === undefined ? now() : new Date(query.at)
        const then = await installationThen(store, actor.tenantId, installationId, at)
        if (then.installation === undefined)
          throw problem(404, 'not-installed-then', 'This installation did not exist at that time.')
        return {
          installationId,
          at: at.toISOString(),
          installation: shown(then.installation),
          stages: then.stages.map(shown),
          versions: then.versions.map(shown),
          events: then.events.map(toCloudEvent),
        }
      },
    )
  }
}

/** A row as the API names things; whose it is, is the caller. */
function shown({ tenant_id: _own, ...row }: Row): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase()),
      value instanceof Date ? value.toISOString() : value,
    ]),
  )
}
