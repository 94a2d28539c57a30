import { accept, type Decider, type Decision, reject } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import { completeStage, failAttempt, startStage } from './attempt.ts'
import { isBreaking } from './breaking.ts'
import type { Configuration, InstallerEvent } from './events.ts'
import type { InstallationCommand, InstallationRejection } from './installation-commands.ts'
import {
  evolve,
  type InstallationAttempt,
  type InstallationState,
  type Installed,
  type InstalledVersion,
  isActive,
} from './installation-state.ts'

// One MCP server installed by one tenant.
//
// absent ─► installing ─► installed ◄─► updating
//               │             │
//               ▼             ▼
//             failed      uninstalled   (from every state but absent)
//
// An attempt, for an install or an update, goes through STAGES in order. The active version
// changes in one event at its end, so a failure at any moment leaves what was active before.
// An attempt's id names its directories: what should be on disk follows from the stream.

/** A stage that brought the program down this often is not tried again. */
export const MAX_STAGE_STARTS = 5

export function installationStream(tenantId: string, installationId: string): string {
  return streamName('installation', tenantId, installationId)
}

type Decided = Decision<InstallerEvent, InstallationRejection>
type Command<T extends InstallationCommand['type']> = Extract<
  InstallationCommand,
  { readonly type: T }
>

export const installation: Decider<
  InstallationState,
  InstallationCommand,
  InstallerEvent,
  InstallationRejection
> = {
  initial: { status: 'absent' },

  decide(state, command) {
    switch (command.type) {
      case 'InstallServer':
        return install(state, command)
      case 'UpdateServer':
        return whenInstalled(state, (installed) => update(installed, command), command)
      case 'StartStage':
        return startStage(state, command)
      case 'CompleteStage':
        return completeStage(state, command)
      case 'FailAttempt':
        return failAttempt(state, command)
      case 'NoteUpdate':
        return noteUpdate(state, command)
      case 'RollBack':
        return whenInstalled(state, (installed) => rollBack(installed, command))
      case 'Configure':
        return whenInstalled(state, (installed) => configure(installed, command))
      case 'StoreSecret':
      case 'RemoveSecret':
        return whenInstalled(state, (installed) => changeSecret(installed, command))
      case 'Uninstall':
        return uninstall(state, command)
    }
  },

  evolve,
}

/** What the installer owes this installation. */
export type StageOwed = {
  readonly purpose: 'install' | 'update'
  readonly attempt: InstallationAttempt
  readonly configuration: Configuration
  /** It was started too often: record the failure instead of starting it again. */
  readonly exhausted: boolean
}

export function nextAction(state: InstallationState): StageOwed | undefined {
  if (state.status !== 'installing' && state.status !== 'updating') return undefined
  const { attempt, configuration } = state
  const purpose = state.status === 'installing' ? 'install' : 'update'
  return { purpose, attempt, configuration, exhausted: attempt.starts >= MAX_STAGE_STARTS }
}

/** What should be on disk, where a remote server has nothing: all that the stream does not call dead stays. */
export function diskPlan(state: InstallationState): {
  readonly active: string | undefined
  readonly dead: readonly string[]
  readonly uninstalled: boolean
} {
  return {
    active:
      isActive(state) && state.active.runtime.kind === 'npm' ? state.active.attemptId : undefined,
    dead: state.status === 'absent' ? [] : state.dead,
    uninstalled: state.status === 'uninstalled',
  }
}

function install(state: InstallationState, command: Command<'InstallServer'>): Decided {
  if (state.status !== 'absent')
    return reject('conflict', 'installation-exists', 'There is an installation with this id.')
  const { type: _, now, ...data } = command
  return accept({ type: 'InstallationRequested', data: { ...data, requestedAt: now } })
}

/** Refuses where no version is active or an attempt would be disturbed. */
function whenInstalled(
  state: InstallationState,
  decide: (state: Installed) => Decided,
  repeated?: Command<'UpdateServer'>,
): Decided {
  switch (state.status) {
    case 'installed':
      return decide(state)
    case 'absent':
      return reject('not-found', 'unknown-installation', 'There is no such installation.')
    case 'failed':
      return reject('conflict', 'not-installed', 'The installation failed: install it anew.')
    case 'uninstalled':
      return reject('conflict', 'not-installed', 'The server is uninstalled: install it anew.')
    case 'installing':
    case 'updating':
      if (state.status === 'updating' && state.attempt.version === repeated?.version)
        return accept()
      return reject(
        'conflict',
        'attempt-in-progress',
        `Version ${state.attempt.version} is being installed: wait until that is over.`,
      )
  }
}

function update(state: Installed, command: Command<'UpdateServer'>): Decided {
  const { installationId, attemptId, version, target, allowBreaking, now } = command
  const { active } = state
  const { configuration = active.configuration } = command
  if (version === active.version) return accept()
  const breaking = isBreaking(active.version, version)
  if (breaking && !allowBreaking)
    return reject(
      'conflict',
      'breaking-update',
      `Going from ${active.version} to ${version} can break who uses it: send "allowBreaking": true to do it.`,
    )
  return accept(
    {
      type: 'RollbackPointCreated',
      data: {
        installationId,
        version: active.version,
        runtime: active.runtime,
        configuration: active.configuration,
        createdAt: now,
      },
    },
    {
      type: 'ServerUpdateRequested',
      data: {
        installationId,
        attemptId,
        from: active.version,
        to: version,
        breaking,
        target,
        configuration,
        requestedAt: now,
      },
    },
  )
}

/** Once for each version that is found while another is active. */
function noteUpdate(state: InstallationState, command: Command<'NoteUpdate'>): Decided {
  const { installationId, available, now } = command
  if (state.status !== 'installed') return accept()
  const current = state.active.version
  if (available === current || available === state.available) return accept()
  return accept({
    type: 'UpdateFound',
    data: {
      installationId,
      current,
      available,
      breaking: isBreaking(current, available),
      foundAt: now,
    },
  })
}

function rollBack(state: Installed, command: Command<'RollBack'>): Decided {
  const { installationId, version, now } = command
  const { active, kept } = state
  if (version === active.version) return accept()
  const target = version === undefined ? before(active, kept) : find(kept, version)
  if (target === undefined) {
    const others = kept.map((one) => one.version).join(', ')
    const detail = others === '' ? 'No other version is kept.' : `Kept versions: ${others}.`
    return version === undefined
      ? reject('conflict', 'nothing-to-roll-back', `There is no earlier version. ${detail}`)
      : reject('conflict', 'version-not-kept', `Version ${version} is not kept. ${detail}`)
  }
  const { runtime, configuration, tools } = target
  return accept({
    type: 'InstallationRolledBack',
    data: {
      installationId,
      from: active.version,
      to: target.version,
      runtime,
      configuration,
      tools: [...tools],
      rolledBackAt: now,
    },
  })
}

/**
 * The version that the active one took the place of, or where that is gone the newest of the kept ones
 * that were installed before the active one.
 */
function before(active: InstalledVersion, kept: readonly InstalledVersion[]) {
  const replaced = kept.find(({ sequence }) => sequence === active.replaced)
  if (replaced !== undefined) return replaced
  return kept
    .filter(({ sequence }) => sequence < active.sequence)
    .reduce<InstalledVersion | undefined>(
      (newest, one) => (newest === undefined || one.sequence > newest.sequence ? one : newest),
      undefined,
    )
}

function find(kept: readonly InstalledVersion[], version: string) {
  return kept.find((one) => one.version === version)
}

function configure(state: Installed, command: Command<'Configure'>): Decided {
  const { installationId, now } = command
  const { secretNames } = state.active.configuration
  const configuration = { ...command.configuration, secretNames }
  return accept({
    type: 'ConfigurationChanged',
    data: { installationId, configuration, changedAt: now },
  })
}

function changeSecret(
  state: Installed,
  { type, installationId, name, now }: Command<'StoreSecret' | 'RemoveSecret'>,
): Decided {
  const { configuration } = state.active
  const others = configuration.secretNames.filter((one) => one !== name)
  if (type === 'StoreSecret') {
    const secretNames = [...others, name].sort()
    const data = { installationId, name, configuration: { ...configuration, secretNames } }
    return accept({ type: 'SecretStored', data: { ...data, storedAt: now } })
  }
  if (others.length === configuration.secretNames.length) return accept()
  const data = { installationId, name, configuration: { ...configuration, secretNames: others } }
  return accept({ type: 'SecretRemoved', data: { ...data, removedAt: now } })
}

function uninstall(state: InstallationState, command: Command<'Uninstall'>): Decided {
  if (state.status === 'absent')
    return reject('not-found', 'unknown-installation', 'There is no such installation.')
  if (state.status === 'uninstalled') return accept()
  const { installationId, now } = command
  const version = isActive(state) ? { version: state.active.version } : {}
  return accept({
    type: 'ServerUninstalled',
    data: { installationId, ...version, uninstalledAt: now },
  })
}
