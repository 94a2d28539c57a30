import { isDeepStrictEqual } from 'node:util'
import type { Kysely } from 'kysely'
import type { Static } from 'typebox'
import { v4 as randomUuid, v5 as uuidOf } from 'uuid'
import { diskPlan, installation, installationStream } from '../../domain/installer/installation.ts'
import type { InstallationCommand } from '../../domain/installer/installation-commands.ts'
import type {
  InstallationState,
  Installed,
  Updating,
} from '../../domain/installer/installation-state.ts'
import { isActive } from '../../domain/installer/installation-state.ts'
import type { InstallationsTables } from '../../projections/installer/installations.ts'
import type { CatalogueTables } from '../../projections/registry/catalogue-tables.ts'
import { appendedBy, type CommandContext, type Executed, execute, load } from '../kernel/execute.ts'
import { problem, problemOf } from '../kernel/problem.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
import { type EventStore, EventStoreUnavailableError } from '../ports/event-store.ts'
import type { SecretStore } from '../ports/secret-store.ts'
import { lookUp } from './catalogue.ts'
import type { Installable } from './installable.ts'
import {
  configurationOf,
  type ResolvedConfiguration,
  resolveConfiguration,
  secretNames,
  storedFor,
} from './resolve-configuration.ts'
import type { ConfigurationBody, InstallBody, RollbackBody, UpdateBody } from './schemas.ts'

export type InstallerCommandsDeps = {
  readonly events: EventStore
  readonly db: Kysely<InstallationsTables & CatalogueTables>
  readonly secrets: Pick<SecretStore, 'put' | 'remove' | 'removeAll'>
  readonly artifacts: Pick<ArtifactStore, 'settle'>
  readonly now: () => Date
}

type Done = Executed<InstallationState>

/**
 * What can be asked of the installer, one function a command. A `commandId`, where there is one, is a
 * UUID: installing or updating again under the same one is the same attempt.
 */
export class InstallerCommands {
  readonly #deps: InstallerCommandsDeps

  constructor(deps: InstallerCommandsDeps) {
    this.#deps = deps
  }

  /** With the same `commandId` it is the same installation, whatever the body says by then. */
  async install(
    context: CommandContext,
    { server, version = 'latest', source, configuration = {} }: Static<typeof InstallBody>,
  ): Promise<{ readonly installationId: string; readonly done: Done }> {
    const { tenantId, commandId = randomUuid() } = context
    const installationId = uuidOf('installation', commandId)
    const known = await this.#load(tenantId, installationId)
    if (known.state.status !== 'absent') {
      const before = appendedBy(commandId, installationStream(tenantId, installationId), known)
      return { installationId, done: { ...known, ...before } }
    }
    const wanted = { name: server, version, sourceId: source }
    const installable = await lookUp(this.#deps.db, tenantId, wanted)
    const resolved = resolveConfiguration(installable, configuration)
    const { secrets, ...wantedWith } = resolved
    const command = {
      type: 'InstallServer',
      installationId,
      attemptId: uuidOf('attempt', commandId),
      sourceId: installable.sourceId,
      serverName: server,
      version: installable.version,
      ...wantedWith,
      now: this.#now(),
    } as const
    try {
      for (const [name, value] of Object.entries(secrets))
        await this.#deps.secrets.put(tenantId, installationId, name, value)
      const done = await this.#run({ ...context, commandId }, command)
      return { installationId, done }
    } catch (error) {
      // What went wrong first is what the caller is to hear.
      await this.#forgetSecretsOf(tenantId, installationId, error).catch(() => {})
      throw error
    }
  }

  /** Those of an installation that was not recorded; where nobody knows whether it was, they stay. */
  async #forgetSecretsOf(tenantId: string, installationId: string, error: unknown): Promise<void> {
    if (error instanceof EventStoreUnavailableError) return
    const { state } = await this.#load(tenantId, installationId)
    if (state.status === 'absent') await this.#deps.secrets.removeAll(tenantId, installationId)
  }

  async update(
    context: CommandContext,
    installationId: string,
    { version = 'latest', allowBreaking = false, configuration: given }: Static<typeof UpdateBody>,
  ): Promise<Done> {
    const { tenantId, commandId = randomUuid() } = context
    const attemptId = uuidOf('attempt', commandId)
    const { state } = await this.#load(tenantId, installationId)
    const entry = await this.#entryFor(tenantId, state, version)
    const { secrets = {}, ...wanted } = wantedWith(entry, state, given, attemptId)
    const command = {
      type: 'UpdateServer',
      ...{ installationId, attemptId, version: entry.version, ...wanted, allowBreaking },
      now: this.#now(),
    } as const
    const decision = installation.decide(state, command)
    if (decision.outcome === 'rejected') throw problemOf(decision.rejection)
    for (const [secret, value] of Object.entries(secrets))
      await this.#deps.secrets.put(tenantId, installationId, secret, value)
    return this.#run({ ...context, commandId }, command)
  }

  /** The disk follows before the answer: whoever has it finds the other version active. */
  async rollBack(
    context: CommandContext,
    installationId: string,
    { version }: Static<typeof RollbackBody>,
  ): Promise<Done> {
    const { tenantId } = context
    const now = this.#now()
    const command = { type: 'RollBack', installationId, version, now } as const
    const done = await this.#run(context, command)
    await this.#deps.artifacts.settle(tenantId, installationId, diskPlan(done.state))
    return done
  }

  async configure(
    context: CommandContext,
    installationId: string,
    given: Static<typeof ConfigurationBody>,
  ): Promise<Done> {
    const { tenantId } = context
    const { state } = await this.#load(tenantId, installationId)
    const active = requireActive(state)
    const entry = await this.#entryFor(tenantId, state, active.active.version)
    const { configuration: stored, runtime } = active.active
    const { variables = {}, storedSecrets = [] } = storedFor(entry, stored)
    const resolved = resolveConfiguration(entry, { variables, ...given, storedSecrets })
    const { target } = resolved
    if (given.variables && target.kind === 'remote' && !isDeepStrictEqual(target, runtime))
      throw problem(
        422,
        'invalid-configuration',
        'With these variables the server has another URL: install it anew for that.',
      )
    const secret = Object.keys(resolved.secrets).find((name) => !storedSecrets.includes(name))
    if (secret !== undefined)
      throw problem(
        422,
        'invalid-configuration',
        `"${secret}" is a secret: set it with PUT …/secrets/${secret}.`,
      )
    const { secretNames: _, ...configuration } = resolved.configuration
    const now = this.#now()
    return this.#run(context, {
      type: 'Configure',
      installationId,
      configuration,
      now,
    })
  }

  /** The value first: who acts on the event finds it. */
  async storeSecret(
    context: CommandContext,
    installationId: string,
    name: string,
    value: string,
  ): Promise<Done> {
    const { tenantId } = context
    const command = { type: 'StoreSecret', installationId, name, now: this.#now() } as const
    const { state } = await this.#load(tenantId, installationId)
    const decision = installation.decide(state, command)
    if (decision.outcome === 'rejected') throw problemOf(decision.rejection)
    const declares = async (version: string) =>
      secretNames((await this.#entryFor(tenantId, state, version)).inputs).includes(name)
    // Also what only the newest version takes: an update to it needs it beforehand.
    if (!(await declares(requireActive(state).active.version)) && !(await declares('latest')))
      throw problem(422, 'undeclared-input', `The catalogue entry does not declare "${name}".`)
    await this.#deps.secrets.put(tenantId, installationId, name, value)
    return this.#run(context, command)
  }

  async removeSecret(context: CommandContext, installationId: string, name: string): Promise<Done> {
    const now = this.#now()
    const command = { type: 'RemoveSecret', installationId, name, now } as const
    const done = await this.#run(context, command)
    await this.#deps.secrets.remove(context.tenantId, installationId, name)
    return done
  }

  uninstall(context: CommandContext, installationId: string): Promise<Done> {
    const command = { type: 'Uninstall', installationId, now: this.#now() } as const
    return this.#run(context, command)
  }

  /** The entry in the source that the server was installed from. */
  #entryFor(tenantId: string, state: InstallationState, version: string): Promise<Installable> {
    if (state.status === 'absent') throw unknownInstallation()
    const wanted = { name: state.serverName, version, sourceId: state.sourceId }
    return lookUp(this.#deps.db, tenantId, wanted)
  }

  #run(context: CommandContext, command: InstallationCommand): Promise<Done> {
    const stream = installationStream(context.tenantId, command.installationId)
    return execute(this.#deps.events, installation, stream, command, context)
  }

  #load(tenantId: string, installationId: string) {
    return load(this.#deps.events, installation, installationStream(tenantId, installationId))
  }

  #now(): string {
    return this.#deps.now().toISOString()
  }
}

/** What an update asks for besides the version: nothing but the target when it does not begin. */
function wantedWith(
  entry: Installable,
  state: InstallationState,
  given: Static<typeof UpdateBody>['configuration'],
  attemptId: string,
): Partial<ResolvedConfiguration> & Pick<ResolvedConfiguration, 'target'> {
  if (state.status !== 'installed') return { target: entry.target }
  const { active } = state
  if (active.version !== entry.version)
    return configurationOf(entry, active.configuration, given ?? {})
  if (given === undefined || active.attemptId === attemptId) return { target: entry.target }
  throw problem(
    409,
    'version-active',
    `Version ${active.version} is active already: change its configuration by itself.`,
  )
}

export function unknownInstallation() {
  return problem(404, 'unknown-installation', 'There is no such installation.')
}

export function requireActive(state: InstallationState): Installed | Updating {
  if (isActive(state)) return state
  if (state.status === 'absent') throw unknownInstallation()
  if (state.status === 'installing')
    throw problem(
      409,
      'attempt-in-progress',
      `Version ${state.attempt.version} is being installed: wait until that is over.`,
    )
  throw problem(409, 'not-installed', 'No version of this installation is active.')
}
