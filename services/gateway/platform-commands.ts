import { Type } from 'typebox'
import { type PlatformCommand, platformCommand } from '../kernel/platform-command.ts'
import { liftQuarantine, type QuarantineDeps, quarantineServer } from './quarantine-commands.ts'
import { Cause, Installation } from './schemas.ts'

const access = 'installations:write'
const { installationId } = Installation.properties
const closed = { additionalProperties: false }

/** What rules and workflows may ask of the gateways. */
export function gatewayCommands(deps: QuarantineDeps): readonly PlatformCommand[] {
  const held = [
    {
      name: 'quarantine',
      summary: 'Do not start this version of a server any more',
      untilLifted: false,
    },
    { name: 'stop', summary: 'Stop a server until its quarantine is lifted', untilLifted: true },
  ].map(({ untilLifted, ...spec }) =>
    platformCommand({
      ...{ ...spec, access },
      parameters: Type.Object({ installationId, cause: Cause }, closed),
      async perform(input, context) {
        const done = await quarantineServer(deps, { ...input, untilLifted }, context)
        return { ...done, result: { installationId: input.installationId } }
      },
    }),
  )
  const lift = platformCommand({
    name: 'lift-quarantine',
    summary: 'Let a quarantined server start again',
    access,
    parameters: Type.Object({ installationId }, closed),
    async perform({ installationId }, context) {
      const done = await liftQuarantine(deps, installationId, context)
      return { ...done, result: { installationId } }
    },
  })
  return [...held, lift]
}
