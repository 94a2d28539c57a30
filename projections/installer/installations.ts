import type { Selectable } from 'kysely'
import type {
  Configuration,
  InstallerEvent,
  Runtime,
  Stage,
  Target,
} from '../../domain/installer/events.ts'
import type { EventMeta } from '../../domain/kernel/event.ts'
import type { ReadModel } from '../kernel/read-model.ts'

// Every installation, the stages of its attempts and the versions that it can roll back to.

export type InstallationStatus = 'installing' | 'installed' | 'updating' | 'failed' | 'uninstalled'

export type Failure = { readonly stage: Stage; readonly code: string; readonly cause: string }

export interface InstallationsTables {
  installations: {
    tenant_id: string
    installation_id: string
    server_name: string
    source_id: string
    /** What a person sees; whether it can be called is `runtime`. */
    status: InstallationStatus
    /** The active version; null before the first install succeeded. */
    version: string | null
    /** What the newest attempt is or was for. */
    requested_version: string
    target: Target
    /** How the active version is started or reached; null = it cannot be called. */
    runtime: Runtime | null
    configuration: Configuration
    /** Tools that the active version listed when it was verified. */
    tools: string[]
    attempt_id: string
    /** Of the newest attempt; null when it did not fail. */
    failure: Failure | null
    /** Newest version that an update check found and that is not installed. */
    available_version: string | null
    available_breaking: boolean | null
    created_at: Date
    changed_at: Date
  }
  installation_stages: {
    tenant_id: string
    installation_id: string
    attempt_id: string
    stage: Stage
    status: 'running' | 'completed' | 'failed'
    started_at: Date
    ended_at: Date | null
    duration_ms: number | null
    facts: Record<string, string | number | boolean>
  }
  /** The active version and those that a rollback returns to. */
  installation_versions: {
    tenant_id: string
    installation_id: string
    version: string
    installed_at: Date
  }
}

export type InstallationRow = Selectable<InstallationsTables['installations']>
export type InstallationStageRow = Selectable<InstallationsTables['installation_stages']>

type Keyed = { readonly data: { readonly installationId: string } }

const keyOf = ({ data }: Keyed, { tenantId }: EventMeta) => ({
  tenant_id: tenantId,
  installation_id: data.installationId,
})

const NO_UPDATE = { available_version: null, available_breaking: null } as const

export const installations: ReadModel<InstallerEvent, InstallationsTables> = {
  name: 'installations',
  version: 1,
  keys: {
    installations: ['tenant_id', 'installation_id'],
    installation_stages: ['tenant_id', 'installation_id', 'attempt_id', 'stage'],
    installation_versions: ['tenant_id', 'installation_id', 'version'],
  },
  changes: {
    InstallationRequested: (event, meta) => [
      {
        table: 'installations',
        put: {
          ...keyOf(event, meta),
          server_name: event.data.serverName,
          source_id: event.data.sourceId,
          status: 'installing',
          version: null,
          requested_version: event.data.version,
          target: event.data.target,
          runtime: null,
          configuration: event.data.configuration,
          tools: [],
          attempt_id: event.data.attemptId,
          failure: null,
          ...NO_UPDATE,
          created_at: new Date(event.data.requestedAt),
          changed_at: new Date(event.data.requestedAt),
        },
      },
    ],

    InstallationStageStarted: (event, meta) => [
      {
        table: 'installation_stages',
        put: {
          ...keyOf(event, meta),
          attempt_id: event.data.attemptId,
          stage: event.data.stage,
          status: 'running',
          started_at: new Date(event.data.startedAt),
          ended_at: null,
          duration_ms: null,
          facts: {},
        },
      },
    ],

    InstallationStageCompleted: (event, meta) => [
      {
        table: 'installation_stages',
        at: { ...keyOf(event, meta), attempt_id: event.data.attemptId, stage: event.data.stage },
        patch: {
          status: 'completed',
          ended_at: new Date(event.data.completedAt),
          duration_ms: event.data.durationMs,
          facts: event.data.facts,
        },
      },
    ],

    ServerInstalled: (event, meta) => [
      {
        table: 'installations',
        at: keyOf(event, meta),
        patch: {
          status: 'installed',
          version: event.data.version,
          runtime: event.data.runtime,
          tools: event.data.tools,
          changed_at: new Date(event.data.installedAt),
        },
      },
      {
        table: 'installation_versions',
        put: {
          ...keyOf(event, meta),
          version: event.data.version,
          installed_at: new Date(event.data.installedAt),
        },
      },
    ],

    InstallationFailed: (event, meta) => failed(event, meta, 'failed'),
    ServerUpdateFailed: (event, meta) => failed(event, meta, 'installed'),

    UpdateFound: (event, meta) => [
      {
        table: 'installations',
        at: keyOf(event, meta),
        patch: { available_version: event.data.available, available_breaking: event.data.breaking },
      },
    ],

    ServerUpdateRequested: (event, meta) => [
      {
        table: 'installations',
        at: keyOf(event, meta),
        patch: {
          status: 'updating',
          requested_version: event.data.to,
          target: event.data.target,
          attempt_id: event.data.attemptId,
          failure: null,
          changed_at: new Date(event.data.requestedAt),
        },
      },
    ],

    ServerUpdated: (event, meta) => [
      {
        table: 'installations',
        at: keyOf(event, meta),
        patch: {
          status: 'installed',
          version: event.data.to,
          runtime: event.data.runtime,
          tools: event.data.tools,
          ...(event.data.configuration && { configuration: event.data.configuration }),
          ...NO_UPDATE,
          changed_at: new Date(event.data.updatedAt),
        },
      },
      {
        table: 'installation_versions',
        put: {
          ...keyOf(event, meta),
          version: event.data.to,
          installed_at: new Date(event.data.updatedAt),
        },
      },
    ],

    InstallationRolledBack: (event, meta) => [
      {
        table: 'installations',
        at: keyOf(event, meta),
        patch: {
          status: 'installed',
          version: event.data.to,
          runtime: event.data.runtime,
          configuration: event.data.configuration,
          tools: event.data.tools,
          failure: null,
          changed_at: new Date(event.data.rolledBackAt),
        },
      },
    ],

    ConfigurationChanged: (event, meta) => configured(event, meta, event.data.changedAt),
    SecretStored: (event, meta) => configured(event, meta, event.data.storedAt),
    SecretRemoved: (event, meta) => configured(event, meta, event.data.removedAt),

    VersionDiscarded: (event, meta) => [
      {
        table: 'installation_versions',
        remove: { ...keyOf(event, meta), version: event.data.version },
      },
    ],

    ServerUninstalled: (event, meta) => [
      {
        table: 'installations',
        at: keyOf(event, meta),
        patch: {
          status: 'uninstalled',
          runtime: null,
          ...NO_UPDATE,
          changed_at: new Date(event.data.uninstalledAt),
        },
      },
    ],
  },
}

function configured(
  event: Extract<
    InstallerEvent,
    { type: 'ConfigurationChanged' | 'SecretStored' | 'SecretRemoved' }
  >,
  meta: EventMeta,
  at: string,
) {
  const patch = { configuration: event.data.configuration, changed_at: new Date(at) }
  return [{ table: 'installations', at: keyOf(event, meta), patch }] as const
}

function failed(
  event: Extract<InstallerEvent, { type: 'InstallationFailed' | 'ServerUpdateFailed' }>,
  meta: EventMeta,
  status: InstallationStatus,
) {
  const { attemptId, stage, code, cause, failedAt } = event.data
  const at = new Date(failedAt)
  return [
    {
      table: 'installations',
      at: keyOf(event, meta),
      patch: { status, failure: { stage, code, cause }, changed_at: at },
    },
    {
      table: 'installation_stages',
      at: { ...keyOf(event, meta), attempt_id: attemptId, stage },
      patch: { status: 'failed', ended_at: at },
    },
  ] as const
}
