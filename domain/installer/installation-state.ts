import {
  type Configuration,
  type InstallerEvent,
  type Runtime,
  STAGES,
  type Stage,
  type Target,
} from './events.ts'

/** A version on disk, with what it ran with when it was last active. */
export type InstalledVersion = {
  readonly version: string
  /** The attempt that installed it. */
  readonly attemptId: string
  /** Grows with every attempt: tells older from newer without reading version numbers. */
  readonly sequence: number
  /** The sequence of the version that it took the place of; 0 = none. */
  readonly replaced: number
  readonly runtime: Runtime
  readonly configuration: Configuration
  readonly tools: readonly string[]
}

export type InstallationAttempt = {
  readonly attemptId: string
  readonly sequence: number
  readonly version: string
  readonly target: Target
  /** The stage that is owed. */
  readonly stage: Stage
  /** How often `stage` was started. */
  readonly starts: number
  readonly runtime: Runtime | undefined
  readonly tools: readonly string[]
}

type Named = {
  readonly serverName: string
  readonly sourceId: string
  /** Attempts whose directories nothing refers to any more. */
  readonly dead: readonly string[]
}

type Active = Named & {
  readonly active: InstalledVersion
  /** Most recently active first. */
  readonly kept: readonly InstalledVersion[]
  /** The newest version that was announced with `UpdateFound` since the last update. */
  readonly available: string | undefined
  /** How many attempts there were. */
  readonly attempts: number
}

export type Installing = Named & {
  readonly status: 'installing'
  readonly configuration: Configuration
  readonly attempt: InstallationAttempt
}
export type Installed = Active & { readonly status: 'installed' }
export type Updating = Active & {
  readonly status: 'updating'
  /** Of the version that is being installed. */
  readonly configuration: Configuration
  readonly attempt: InstallationAttempt
}

export type InstallationState =
  | { readonly status: 'absent' }
  | Installing
  | Installed
  | Updating
  | (Named & { readonly status: 'failed' | 'uninstalled' })

type Event<T extends InstallerEvent['type']> = Extract<InstallerEvent, { readonly type: T }>

export function evolve(state: InstallationState, event: InstallerEvent): InstallationState {
  switch (event.type) {
    case 'InstallationRequested':
      return requested(event)
    case 'InstallationStageStarted':
      return onStage(state, event, (attempt) => ({ ...attempt, starts: attempt.starts + 1 }))
    case 'InstallationStageCompleted':
      return onStage(state, event, (attempt) => completed(attempt, event))
    case 'ServerInstalled':
      return installed(state, event)
    case 'InstallationFailed':
      return state.status === 'installing' ? over(state, 'failed', event.data.attemptId) : state
    case 'UpdateFound':
      return isActive(state) ? { ...state, available: event.data.available } : state
    case 'ServerUpdateRequested':
      return updateRequested(state, event)
    case 'RollbackPointCreated':
      return state
    case 'ServerUpdated':
      return updated(state, event)
    case 'ServerUpdateFailed':
      return state.status === 'updating'
        ? { ...withoutAttempt(state), dead: [...state.dead, event.data.attemptId] }
        : state
    case 'InstallationRolledBack':
      return rolledBack(state, event)
    case 'ConfigurationChanged':
    case 'SecretStored':
    case 'SecretRemoved':
      return configured(state, event.data.configuration)
    case 'VersionDiscarded':
      return discarded(state, event.data.version)
    case 'ServerUninstalled':
      return state.status === 'absent' ? state : over(state, 'uninstalled')
  }
}

export function isActive(state: InstallationState): state is Installed | Updating {
  return state.status === 'installed' || state.status === 'updating'
}

function newAttempt(
  { attemptId, target }: { readonly attemptId: string; readonly target: Target },
  version: string,
  sequence: number,
): InstallationAttempt {
  return {
    attemptId,
    sequence,
    version,
    target,
    stage: STAGES[0],
    starts: 0,
    runtime: undefined,
    tools: [],
  }
}

function requested({ data }: Event<'InstallationRequested'>): Installing {
  const { serverName, sourceId, configuration } = data
  const attempt = newAttempt(data, data.version, 1)
  return { status: 'installing', serverName, sourceId, configuration, attempt, dead: [] }
}

/** Applies `change` when the event is about the stage that is owed. */
function onStage(
  state: InstallationState,
  { data }: Event<'InstallationStageStarted' | 'InstallationStageCompleted'>,
  change: (attempt: InstallationAttempt) => InstallationAttempt,
): InstallationState {
  if (state.status !== 'installing' && state.status !== 'updating') return state
  const { attempt } = state
  if (attempt.attemptId !== data.attemptId || attempt.stage !== data.stage) return state
  return { ...state, attempt: change(attempt) }
}

function completed(
  attempt: InstallationAttempt,
  { data }: Event<'InstallationStageCompleted'>,
): InstallationAttempt {
  // The last stage is followed by the attempt's outcome in the same append.
  const next = STAGES[STAGES.indexOf(data.stage) + 1] ?? data.stage
  return {
    ...attempt,
    stage: next,
    starts: 0,
    runtime: data.runtime ?? attempt.runtime,
    tools: data.tools ?? attempt.tools,
  }
}

function installed(
  state: InstallationState,
  { data }: Event<'ServerInstalled'>,
): InstallationState {
  if (state.status !== 'installing') return state
  const { serverName, sourceId, dead, configuration, attempt } = state
  const { version, attemptId, runtime, tools } = data
  const { sequence } = attempt
  const given = { version, attemptId, runtime, configuration, tools }
  const active = { ...given, sequence, replaced: 0 }
  return {
    status: 'installed',
    serverName,
    sourceId,
    dead,
    active,
    kept: [],
    available: undefined,
    attempts: attempt.sequence,
  }
}

function updateRequested(
  state: InstallationState,
  { data }: Event<'ServerUpdateRequested'>,
): InstallationState {
  if (!isActive(state)) return state
  const attempts = state.attempts + 1
  const attempt = newAttempt(data, data.to, attempts)
  const { configuration = state.active.configuration } = data
  return { ...state, status: 'updating', attempts, attempt, configuration }
}

function updated(state: InstallationState, { data }: Event<'ServerUpdated'>): InstallationState {
  if (state.status !== 'updating') return state
  const { attemptId, to: version, runtime, tools, configuration = state.configuration } = data
  const { sequence } = state.attempt
  const given = { version, attemptId, runtime, configuration, tools }
  return {
    ...withoutAttempt(state),
    active: { ...given, sequence, replaced: state.active.sequence },
    kept: [state.active, ...state.kept],
    available: undefined,
  }
}

function rolledBack(
  state: InstallationState,
  { data }: Event<'InstallationRolledBack'>,
): InstallationState {
  if (!isActive(state)) return state
  const target = state.kept.find(({ version }) => version === data.to)
  if (target === undefined) return state
  return {
    ...state,
    active: { ...target, runtime: data.runtime, configuration: data.configuration },
    kept: [state.active, ...state.kept.filter((kept) => kept !== target)],
  }
}

function configured(state: InstallationState, configuration: Configuration): InstallationState {
  return isActive(state) ? { ...state, active: { ...state.active, configuration } } : state
}

function discarded(state: InstallationState, version: string): InstallationState {
  if (!isActive(state)) return state
  const gone = state.kept.filter((kept) => kept.version === version)
  return {
    ...state,
    kept: state.kept.filter((kept) => kept.version !== version),
    dead: [...state.dead, ...gone.map(({ attemptId }) => attemptId)],
  }
}

function withoutAttempt({ attempt: _, configuration: __, ...state }: Updating): Installed {
  return { ...state, status: 'installed' }
}

function over(
  { serverName, sourceId, dead }: Named,
  status: 'failed' | 'uninstalled',
  ...died: readonly string[]
): InstallationState {
  return { status, serverName, sourceId, dead: [...dead, ...died] }
}
