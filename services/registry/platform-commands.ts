import { Type } from 'typebox'
import { v5 as uuidOf } from 'uuid'
import { source, sourceStream } from '../../domain/registry/source.ts'
import { execute } from '../kernel/execute.ts'
import { type PlatformCommand, platformCommand } from '../kernel/platform-command.ts'
import type { EventStore } from '../ports/event-store.ts'
import { sourceId } from './source-id.ts'

export type RegistryCommandsDeps = { readonly events: EventStore; readonly now: () => Date }

/** What rules and workflows may ask of the mirror. */
export function registryCommands({
  events,
  now,
}: RegistryCommandsDeps): readonly PlatformCommand[] {
  return [
    platformCommand({
      name: 'sync',
      summary: 'Sync a mirrored registry now',
      access: 'sources:write',
      parameters: Type.Object(
        { sourceId, acceptShrink: Type.Optional(Type.Boolean()) },
        { additionalProperties: false },
      ),
      async perform({ sourceId, acceptShrink = false }, context) {
        const runId = uuidOf('sync', context.commandId)
        const stream = sourceStream(context.tenantId, sourceId)
        const asked = { type: 'StartSync', trigger: 'request', acceptShrink } as const
        const command = { ...asked, sourceId, runId, now: now().toISOString() }
        const { state, position } = await execute(events, source, stream, command, context)
        const running = state.status === 'running' ? state.runId : runId
        return { stream, position, result: { sourceId, runId: running } }
      },
    }),
  ]
}
