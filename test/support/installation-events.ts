import type {
  Configuration,
  InstallerEvent,
  NpmRuntime,
  Runtime,
} from '../../domain/installer/events.ts'
import { STAGES } from '../../domain/installer/events.ts'
import type { InstallationCommand } from '../../domain/installer/installation-commands.ts'

export const installationId = '11111111-1111-4111-8111-111111111111'
export const now = '2026-01-02T03:04:05.000Z'
export const plain: Configuration = {
  environment: {},
  arguments: [],
  secretNames: [],
  network: 'none',
}

/** The id of the n-th attempt. */
export function attempt(n: number): string {
  return `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`
}

export function npmRuntime(n: number): NpmRuntime {
  return {
    kind: 'npm',
    directory: `servers/acme/${installationId}/versions/${attempt(n)}`,
    entry: 'node_modules/tiny/server.js',
    lockSha256: 'a'.repeat(64),
    treeSha256: 'b'.repeat(64),
    packages: 1,
    sizeBytes: 1,
  }
}

const target = (version: string) => ({ kind: 'npm', identifier: 'tiny', version }) as const

export const install = (version: string, n = 1): InstallationCommand => ({
  type: 'InstallServer',
  ...{ installationId, attemptId: attempt(n), sourceId: 'test', serverName: 'io.test/tiny' },
  ...{ version, target: target(version), configuration: plain, now },
})

export const update = (version: string, n: number, allowBreaking = false): InstallationCommand => ({
  type: 'UpdateServer',
  ...{
    installationId,
    attemptId: attempt(n),
    version,
    target: target(version),
    allowBreaking,
    now,
  },
})

export const requested = (version: string, n = 1): InstallerEvent => ({
  type: 'InstallationRequested',
  data: {
    ...{ installationId, attemptId: attempt(n), sourceId: 'test', serverName: 'io.test/tiny' },
    ...{ version, target: target(version), configuration: plain, requestedAt: now },
  },
})

export const updateRequested = (from: string, to: string, n: number): InstallerEvent => ({
  type: 'ServerUpdateRequested',
  data: {
    ...{ installationId, attemptId: attempt(n), from, to, breaking: false },
    ...{ target: target(to), requestedAt: now },
  },
})

/** All stages of an attempt up to and without `clean`. */
export function stagesDone(n: number, runtime: Runtime = npmRuntime(n)): InstallerEvent[] {
  return STAGES.filter((stage) => stage !== 'clean').map((stage) => ({
    type: 'InstallationStageCompleted',
    data: {
      ...{ installationId, attemptId: attempt(n), stage, durationMs: 1, facts: {} },
      ...(stage === 'install' ? { runtime } : {}),
      ...(stage === 'verify' ? { tools: ['echo'] } : {}),
      completedAt: now,
    },
  }))
}

export const installed = (version: string, n = 1): InstallerEvent => ({
  type: 'ServerInstalled',
  data: {
    ...{ installationId, attemptId: attempt(n), version, runtime: npmRuntime(n) },
    ...{ tools: ['echo'], installedAt: now },
  },
})

export const updated = (from: string, to: string, n: number): InstallerEvent => ({
  type: 'ServerUpdated',
  data: {
    ...{ installationId, attemptId: attempt(n), from, to, runtime: npmRuntime(n) },
    ...{ tools: ['echo'], updatedAt: now },
  },
})
