import type { NpmRuntime } from '../../domain/installer/events.ts'
import type { Attempt } from './package-installer.ts'

/** What the log says about one installation's directories. */
export type DiskPlan = {
  /** Attempt whose version is active; undefined when none is. */
  readonly active: string | undefined
  /** Attempts whose directories no event refers to any more. */
  readonly dead: readonly string[]
  /** Nothing of the installation is left. */
  readonly uninstalled: boolean
}

/** Version directories on disk. They follow from the log, so every method may run again. */
export interface ArtifactStore {
  /** Makes the disk what the log says: `current` points to the active version, dead directories are gone. */
  settle(tenantId: string, installationId: string, plan: DiskPlan): Promise<void>

  /** Removes what the attempt needed while it was made. */
  cleanUp(attempt: Attempt): Promise<void>

  /** Removes everything of an attempt that failed. */
  discard(attempt: Attempt): Promise<void>

  /** @returns false when a file was added, removed or changed since the version was published, or it is gone. */
  verifyTree(runtime: NpmRuntime): Promise<boolean>
}
