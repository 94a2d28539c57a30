import { Type } from 'typebox'
import { isBreaking } from '../../domain/installer/breaking.ts'
import { installationStream } from '../../domain/installer/installation.ts'
import { type PlatformCommand, platformCommand } from '../kernel/platform-command.ts'
import { problem } from '../kernel/problem.ts'
import type { ReadFreshness } from '../ports/read-freshness.ts'
import { InstallerCommands, type InstallerCommandsDeps, requireActive } from './commands.ts'
import { ConfigurationBody, InstallBody, Params, RollbackBody, UpdateBody } from './schemas.ts'
import { checkForUpdate } from './updates.ts'

const access = 'installations:write'
const closed = { additionalProperties: false }
const CATCH_UP_MS = 5_000
/** No secrets: whatever gives a command records its parameters. */
const configuration = Type.Optional(ConfigurationBody)
const { installationId } = Params.properties
const { server, version, source } = InstallBody.properties
const { allowBreaking } = UpdateBody.properties

export type InstallerPlatformDeps = InstallerCommandsDeps & {
  readonly freshness: Pick<ReadFreshness, 'waitFor'>
}

/** What rules and workflows may ask of the installer. */
export function installerCommands(deps: InstallerPlatformDeps): readonly PlatformCommand[] {
  return [install(deps), ...onInstallations(deps)]
}

/**
 * Who asks has heard something of the log, perhaps the end of a sync, before the catalogue's rows have it.
 *
 * @throws {ProblemError} 504 `read-model-behind`: ask again.
 */
async function catchUp({ events, freshness }: InstallerPlatformDeps): Promise<void> {
  if (await freshness.waitFor(await events.head(), CATCH_UP_MS, 'following')) return
  throw problem(504, 'read-model-behind', 'The catalogue is behind the log; ask again.')
}

function install(deps: InstallerPlatformDeps): PlatformCommand {
  const commands = new InstallerCommands(deps)
  return platformCommand({
    name: 'install',
    summary: 'Install a server of the catalogue',
    access,
    parameters: Type.Object({ server, version, source, configuration }, closed),
    async perform(input, context) {
      await catchUp(deps)
      const { installationId, done } = await commands.install(context, input)
      const stream = installationStream(context.tenantId, installationId)
      return { stream, position: done.position, result: { installationId } }
    },
  })
}

function onInstallations(deps: InstallerPlatformDeps): readonly PlatformCommand[] {
  const commands = new InstallerCommands(deps)
  return [
    platformCommand({
      name: 'update',
      summary: 'Update a server to a newer version',
      access,
      parameters: Type.Object({ installationId, version, allowBreaking, configuration }, closed),
      async perform({ installationId, ...wanted }, context) {
        await catchUp(deps)
        const { position } = await commands.update(context, installationId, wanted)
        const stream = installationStream(context.tenantId, installationId)
        return { stream, position, result: { installationId } }
      },
    }),
    platformCommand({
      name: 'roll-back',
      summary: 'Return a server to a kept version',
      access,
      parameters: Type.Object({ installationId, version: RollbackBody.properties.version }, closed),
      async perform({ installationId, ...wanted }, context) {
        const { state, position } = await commands.rollBack(context, installationId, wanted)
        const stream = installationStream(context.tenantId, installationId)
        const { version } = requireActive(state).active
        return { stream, position, result: { installationId, version } }
      },
    }),
    platformCommand({
      name: 'check-update',
      summary: 'Look for a newer version of a server',
      access,
      parameters: Type.Object({ installationId }, closed),
      async perform({ installationId }, context) {
        await catchUp(deps)
        const { state, position } = await checkForUpdate(deps, installationId, context)
        const { active, available: version } = requireActive(state)
        const update = version && { version, breaking: isBreaking(active.version, version) }
        const stream = installationStream(context.tenantId, installationId)
        const result = { installationId, version: active.version, ...(update && { update }) }
        return { stream, position, result }
      },
    }),
    platformCommand({
      name: 'uninstall',
      summary: 'Uninstall a server',
      access,
      parameters: Type.Object({ installationId }, closed),
      async perform({ installationId }, context) {
        const { position } = await commands.uninstall(context, installationId)
        const stream = installationStream(context.tenantId, installationId)
        return { stream, position, result: { installationId } }
      },
    }),
  ]
}
