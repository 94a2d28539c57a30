import { type Static, Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import { firstVersion, withOptionalMember } from '../kernel/upcast.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.

const instant = Type.String({ format: 'date-time' })
const installationId = Type.String({ format: 'uuid' })
/** One run of the six stages, for an install or an update. */
const attemptId = Type.String({ format: 'uuid' })
const serverName = Type.String({ minLength: 1, maxLength: 300 })
const serverVersion = Type.String({ maxLength: 300, description: 'version of the catalogue entry' })

/** The stages of an attempt, in order. */
export const STAGES = ['validate', 'resolve', 'prepare', 'install', 'verify', 'clean'] as const
export type Stage = (typeof STAGES)[number]
const stage = Type.Enum(STAGES)

/** What is to be installed: always something that a catalogue entry names, never a command. */
const npmTarget = Type.Object({
  kind: Type.Literal('npm'),
  identifier: Type.String({ description: 'package name' }),
  version: Type.String({ description: 'exact package version' }),
})
const remote = Type.Object({
  kind: Type.Literal('remote'),
  url: Type.String({ format: 'uri', description: 'Streamable HTTP endpoint' }),
})
const target = Type.Union([npmTarget, remote])
export type NpmTarget = Static<typeof npmTarget>
export type Target = Static<typeof target>

/** How an installed version is reached or started. */
const npmRuntime = Type.Object({
  kind: Type.Literal('npm'),
  directory: Type.String({ description: 'version directory, relative to the data directory' }),
  entry: Type.String({ description: 'script to start, relative to `directory`' }),
  lockSha256: Type.String({ description: 'SHA-256 of package-lock.json, hexadecimal' }),
  treeSha256: Type.String({ description: 'SHA-256 over every file of `directory`' }),
  packages: Type.Integer({ minimum: 1 }),
  sizeBytes: Type.Integer({ minimum: 0 }),
})
const runtime = Type.Union([npmRuntime, remote])
export type NpmRuntime = Static<typeof npmRuntime>
export type Runtime = Static<typeof runtime>

/** Values for what the catalogue entry declares. A secret's value is in the secret store, only its name is here. */
const configuration = Type.Object(
  {
    environment: Type.Record(Type.String(), Type.String(), {
      description: 'environment variables of a package, HTTP headers of a remote server',
    }),
    arguments: Type.Array(Type.String(), { description: 'command line, as the server gets it' }),
    secretNames: Type.Array(Type.String()),
    network: Type.Union([Type.Literal('none'), Type.Literal('full')], {
      description: 'what the sandbox lets the server reach',
    }),
    given: Type.Optional(
      Type.Object(
        {
          variables: Type.Record(Type.String(), Type.String()),
          arguments: Type.Record(Type.String(), Type.Array(Type.String())),
        },
        {
          additionalProperties: false,
          description: 'what was set by declared name, for the places that another version has',
        },
      ),
    ),
  },
  { additionalProperties: false },
)
export type Configuration = Static<typeof configuration>

const secretName = Type.String({ minLength: 1, maxLength: 200 })

const tools = Type.Array(Type.String(), { description: 'names of the tools that it listed' })
export type Tools = Static<typeof tools>

const failure = {
  stage,
  code: Type.String({ description: 'stable, kebab-case' }),
  cause: Type.String({ maxLength: 1_000, description: 'one sentence for a person' }),
}

export const InstallationRequestedV1 = Type.Object(
  {
    installationId,
    attemptId,
    sourceId: Type.String(),
    serverName,
    version: serverVersion,
    target,
    configuration,
    requestedAt: instant,
  },
  { $id: 'installer.InstallationRequested.v1', additionalProperties: false },
)

export const InstallationStageStartedV1 = Type.Object(
  { installationId, attemptId, stage, startedAt: instant },
  { $id: 'installer.InstallationStageStarted.v1', additionalProperties: false },
)

export const InstallationStageCompletedV1 = Type.Object(
  {
    installationId,
    attemptId,
    stage,
    durationMs: Type.Number({ minimum: 0 }),
    /** What the stage found out, for people: counts, sizes, verdicts. */
    facts: Type.Record(Type.String(), Type.Union([Type.String(), Type.Number(), Type.Boolean()])),
    /** From `install` on. */
    runtime: Type.Optional(runtime),
    /** From `verify` on. */
    tools: Type.Optional(tools),
    completedAt: instant,
  },
  { $id: 'installer.InstallationStageCompleted.v1', additionalProperties: false },
)

export const ServerInstalledV1 = Type.Object(
  { installationId, attemptId, version: serverVersion, runtime, tools, installedAt: instant },
  { $id: 'installer.ServerInstalled.v1', additionalProperties: false },
)

/** The first install failed: nothing is active. */
export const InstallationFailedV1 = Type.Object(
  { installationId, attemptId, ...failure, failedAt: instant },
  { $id: 'installer.InstallationFailed.v1', additionalProperties: false },
)

export const UpdateFoundV1 = Type.Object(
  {
    installationId,
    current: serverVersion,
    available: serverVersion,
    breaking: Type.Boolean({ description: 'semver-major, or not comparable' }),
    foundAt: instant,
  },
  { $id: 'installer.UpdateFound.v1', additionalProperties: false },
)

export const ServerUpdateRequestedV1 = Type.Object(
  {
    installationId,
    attemptId,
    from: serverVersion,
    to: serverVersion,
    breaking: Type.Boolean(),
    target,
    requestedAt: instant,
  },
  { $id: 'installer.ServerUpdateRequested.v1', additionalProperties: false },
)

/** What the version runs with once it is active; absent in what V1 recorded: then it stays as it is. */
const configurationThen = Type.Optional(configuration)

export const ServerUpdateRequestedV2 = Type.Object(
  { ...ServerUpdateRequestedV1.properties, configuration: configurationThen },
  { $id: 'installer.ServerUpdateRequested.v2', additionalProperties: false },
)

/** What a rollback returns to: a version with the configuration that it ran with. */
export const RollbackPointCreatedV1 = Type.Object(
  { installationId, version: serverVersion, runtime, configuration, createdAt: instant },
  { $id: 'installer.RollbackPointCreated.v1', additionalProperties: false },
)

export const ServerUpdatedV1 = Type.Object(
  {
    installationId,
    attemptId,
    from: serverVersion,
    to: serverVersion,
    runtime,
    tools,
    updatedAt: instant,
  },
  { $id: 'installer.ServerUpdated.v1', additionalProperties: false },
)

export const ServerUpdatedV2 = Type.Object(
  { ...ServerUpdatedV1.properties, configuration: configurationThen },
  { $id: 'installer.ServerUpdated.v2', additionalProperties: false },
)

/** The update failed and the installation is as it was before it. */
export const ServerUpdateFailedV1 = Type.Object(
  {
    installationId,
    attemptId,
    from: serverVersion,
    to: serverVersion,
    ...failure,
    failedAt: instant,
  },
  { $id: 'installer.ServerUpdateFailed.v1', additionalProperties: false },
)

export const InstallationRolledBackV1 = Type.Object(
  {
    installationId,
    from: serverVersion,
    to: serverVersion,
    runtime,
    configuration,
    tools,
    rolledBackAt: instant,
  },
  { $id: 'installer.InstallationRolledBack.v1', additionalProperties: false },
)

export const ConfigurationChangedV1 = Type.Object(
  { installationId, configuration, changedAt: instant },
  { $id: 'installer.ConfigurationChanged.v1', additionalProperties: false },
)

/** The value is in the secret store; storing it again is another event. `configuration` is the one that results. */
export const SecretStoredV1 = Type.Object(
  { installationId, name: secretName, configuration, storedAt: instant },
  { $id: 'installer.SecretStored.v1', additionalProperties: false },
)

export const SecretRemovedV1 = Type.Object(
  { installationId, name: secretName, configuration, removedAt: instant },
  { $id: 'installer.SecretRemoved.v1', additionalProperties: false },
)

/** A kept version was deleted from disk: no rollback returns to it any more. */
export const VersionDiscardedV1 = Type.Object(
  { installationId, version: serverVersion, discardedAt: instant },
  { $id: 'installer.VersionDiscarded.v1', additionalProperties: false },
)

export const ServerUninstalledV1 = Type.Object(
  { installationId, version: Type.Optional(serverVersion), uninstalledAt: instant },
  { $id: 'installer.ServerUninstalled.v1', additionalProperties: false },
)

export type InstallerEvent =
  | EventOf<'InstallationRequested', typeof InstallationRequestedV1>
  | EventOf<'InstallationStageStarted', typeof InstallationStageStartedV1>
  | EventOf<'InstallationStageCompleted', typeof InstallationStageCompletedV1>
  | EventOf<'ServerInstalled', typeof ServerInstalledV1>
  | EventOf<'InstallationFailed', typeof InstallationFailedV1>
  | EventOf<'UpdateFound', typeof UpdateFoundV1>
  | EventOf<'ServerUpdateRequested', typeof ServerUpdateRequestedV2>
  | EventOf<'RollbackPointCreated', typeof RollbackPointCreatedV1>
  | EventOf<'ServerUpdated', typeof ServerUpdatedV2>
  | EventOf<'ServerUpdateFailed', typeof ServerUpdateFailedV1>
  | EventOf<'InstallationRolledBack', typeof InstallationRolledBackV1>
  | EventOf<'ConfigurationChanged', typeof ConfigurationChangedV1>
  | EventOf<'SecretStored', typeof SecretStoredV1>
  | EventOf<'SecretRemoved', typeof SecretRemovedV1>
  | EventOf<'VersionDiscarded', typeof VersionDiscardedV1>
  | EventOf<'ServerUninstalled', typeof ServerUninstalledV1>

export const installerEvents = {
  InstallationRequested: firstVersion(InstallationRequestedV1),
  InstallationStageStarted: firstVersion(InstallationStageStartedV1),
  InstallationStageCompleted: firstVersion(InstallationStageCompletedV1),
  ServerInstalled: firstVersion(ServerInstalledV1),
  InstallationFailed: firstVersion(InstallationFailedV1),
  UpdateFound: firstVersion(UpdateFoundV1),
  ServerUpdateRequested: withOptionalMember(ServerUpdateRequestedV1, ServerUpdateRequestedV2),
  RollbackPointCreated: firstVersion(RollbackPointCreatedV1),
  ServerUpdated: withOptionalMember(ServerUpdatedV1, ServerUpdatedV2),
  ServerUpdateFailed: firstVersion(ServerUpdateFailedV1),
  InstallationRolledBack: firstVersion(InstallationRolledBackV1),
  ConfigurationChanged: firstVersion(ConfigurationChangedV1),
  SecretStored: firstVersion(SecretStoredV1),
  SecretRemoved: firstVersion(SecretRemovedV1),
  VersionDiscarded: firstVersion(VersionDiscardedV1),
  ServerUninstalled: firstVersion(ServerUninstalledV1),
}
