import { type PlatformCommand, platformCommand } from '../kernel/platform-command.ts'
import { type CustomDeps, emit } from './commands.ts'
import { Emission } from './schemas.ts'

/** What rules and workflows may tell in a tenant's own words. */
export function customCommands(deps: CustomDeps): readonly PlatformCommand[] {
  return [
    platformCommand({
      name: 'emit-custom-event',
      summary: 'Emit an event of a registered type',
      access: 'events:write',
      parameters: Emission,
      async perform(input, context) {
        const { eventId, stream, position } = await emit(deps, input, context)
        return { stream, position, result: { eventId, type: `custom.${input.name}` } }
      },
    }),
  ]
}
