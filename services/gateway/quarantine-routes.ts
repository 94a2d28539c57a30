import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { appendContext } from '../kernel/actor.ts'
import { liftQuarantine, type QuarantineDeps, quarantineServer } from './quarantine-commands.ts'
import { Cause, Installation } from './schemas.ts'
import type { ServerProcesses } from './server-processes.ts'

export type QuarantineRoutesDeps = QuarantineDeps & {
  readonly processes: Pick<ServerProcesses, 'quarantineLifted'>
}

const config = { access: 'installations:write' } as const
const response = { 200: Type.Object({ position: Type.String() }) }
const tags = ['gateway']

/** Keeping servers from being started, and letting them start again. */
export function quarantineRoutes(deps: QuarantineRoutesDeps): FastifyPluginCallbackTypebox {
  return (app, _options, done) => {
    for (const { path, summary, untilLifted } of [
      {
        path: 'quarantine',
        summary: 'Do not start this version of a server any more',
        untilLifted: false,
      },
      { path: 'stop', summary: 'Stop a server until its quarantine is lifted', untilLifted: true },
    ])
      app.post(
        `/v1/installations/:installationId/${path}`,
        {
          config,
          schema: {
            ...{ tags, summary, params: Installation, response },
            description:
              'Calls that are under way may end. 409 `not-installed` when no version is active.',
            body: Type.Object({ cause: Cause }, { additionalProperties: false }),
          },
        },
        async (request) => {
          const asked = { ...request.params, ...request.body, untilLifted }
          const { position } = await quarantineServer(deps, asked, appendContext(request))
          return { position: position.toString() }
        },
      )

    app.post(
      '/v1/installations/:installationId/quarantine/lift',
      {
        config,
        schema: {
          ...{ tags, params: Installation, response },
          summary: 'Let a quarantined server start again',
          description:
            'A server is quarantined when it keeps dying or somebody asked for it; the installation shows since when and why. 409 `not-quarantined` when it is not.',
        },
      },
      async (request) => {
        const { installationId } = request.params
        const { position } = await liftQuarantine(deps, installationId, appendContext(request))
        deps.processes.quarantineLifted(request.actor.tenantId, installationId)
        return { position: position.toString() }
      },
    )
    done()
  }
}
