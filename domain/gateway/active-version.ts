import type { Configuration, InstallerEvent, Runtime } from '../installer/events.ts'

/** What the gateway routes to, as the installation's own stream tells it. */
export type ActiveVersion = {
  readonly installationId: string
  readonly serverName: string
  readonly version: string
  readonly runtime: Runtime
  readonly configuration: Configuration
  /** Grows with every change that a running server has to be replaced for. */
  readonly generation: number
}

export type RoutingState = {
  readonly serverName: string
  readonly configuration: Configuration
  readonly generation: number
  readonly active: { readonly version: string; readonly runtime: Runtime } | undefined
}

const NO_CONFIGURATION: Configuration = {
  environment: {},
  arguments: [],
  secretNames: [],
  network: 'none',
}

export const NOT_INSTALLED: RoutingState = {
  serverName: '',
  configuration: NO_CONFIGURATION,
  generation: 0,
  active: undefined,
}

/** Folds an installation's stream. Pure; events that do not change the routing leave the state as it is. */
export function followInstallation(state: RoutingState, event: InstallerEvent): RoutingState {
  const generation = state.generation + 1
  switch (event.type) {
    case 'InstallationRequested': {
      const { serverName, configuration } = event.data
      return { serverName, configuration, generation, active: undefined }
    }
    case 'ServerInstalled': {
      const { version, runtime } = event.data
      return { ...state, generation, active: { version, runtime } }
    }
    case 'ServerUpdated': {
      const { to: version, runtime, configuration = state.configuration } = event.data
      return { ...state, configuration, generation, active: { version, runtime } }
    }
    case 'InstallationRolledBack': {
      const { to: version, runtime, configuration } = event.data
      return { ...state, configuration, generation, active: { version, runtime } }
    }
    case 'ConfigurationChanged':
    case 'SecretStored':
    case 'SecretRemoved':
      return { ...state, configuration: event.data.configuration, generation }
    case 'ServerUninstalled':
      return { ...state, generation, active: undefined }
    case 'InstallationStageStarted':
    case 'InstallationStageCompleted':
    case 'InstallationFailed':
    case 'UpdateFound':
    case 'ServerUpdateRequested':
    case 'RollbackPointCreated':
    case 'ServerUpdateFailed':
    case 'VersionDiscarded':
      return state
  }
}

/** Events after which a cached `ActiveVersion` is out of date. */
export const ROUTING_EVENTS: readonly InstallerEvent['type'][] = [
  'InstallationRequested',
  'ServerInstalled',
  'ServerUpdated',
  'InstallationRolledBack',
  'ConfigurationChanged',
  'SecretStored',
  'SecretRemoved',
  'ServerUninstalled',
]

/** @returns undefined when nothing is installed, not yet or no more. */
export function activeVersion(
  installationId: string,
  { serverName, configuration, generation, active }: RoutingState,
): ActiveVersion | undefined {
  if (active === undefined) return undefined
  return { installationId, serverName, configuration, generation, ...active }
}
