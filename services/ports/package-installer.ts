import type { NpmRuntime, NpmTarget } from '../../domain/installer/events.ts'

/** One run of the six stages; its id names the directories that it uses. */
export type Attempt = {
  readonly tenantId: string
  readonly installationId: string
  readonly attemptId: string
}

/**
 * Turns a package name and version into an immutable version directory. Every method may run
 * again after a crash at any moment, also beside itself, and leaves one result.
 *
 * Every method throws `InstallFault`.
 */
export interface PackageInstaller {
  /** Resolves the whole tree and judges every node; keeps the lock for `materialise`. Writes no package. */
  resolve(
    attempt: Attempt,
    target: NpmTarget,
    signal: AbortSignal,
  ): Promise<{ readonly packages: number; readonly lockSha256: string }>

  /** @returns bytes that are free on the disk. */
  prepare(attempt: Attempt): Promise<{ readonly freeBytes: number }>

  /** Downloads, checks every byte against the lock, makes it read-only and publishes it by one rename. */
  materialise(attempt: Attempt, target: NpmTarget, signal: AbortSignal): Promise<NpmRuntime>
}

/** Why a stage failed. `code` is stable and kebab-case, the message is one sentence for a person. */
export class InstallFault extends Error {
  override readonly name = 'InstallFault'
  readonly code: string
  /** Worth another try: the outside was not there. */
  readonly transient: boolean

  constructor(code: string, message: string, transient = false) {
    super(message.slice(0, 1_000))
    this.code = code
    this.transient = transient
  }
}
