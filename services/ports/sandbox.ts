import type { Readable, Writable } from 'node:stream'
import type { Configuration, NpmRuntime } from '../../domain/installer/events.ts'

/** What keeps a server away from the machine; `none` only when the operator asked for it. */
export type SandboxKind = 'bubblewrap' | 'none'

/** Result of really starting something in it when the program started. */
export type SandboxStatus =
  | { readonly available: true; readonly kind: SandboxKind }
  /** `reason` is one sentence for the operator; installed packages are not started. */
  | { readonly available: false; readonly reason: string }

export type ServerExit = { readonly code: number | null; readonly signal: string | null }

/** A running stdio server. Its streams are the server's own: the reader bounds what it takes from them. */
export interface ServerProcess {
  /** Of the sandbox, in the host's numbering; it leads a process group of its own. */
  readonly pid: number
  readonly stdin: Writable
  readonly stdout: Readable
  readonly stderr: Readable
  /** Resolves when the process and everything that it started are gone; never rejects. */
  readonly exited: Promise<ServerExit>
  /** Kills the whole group at once and resolves when it is gone. Repeating it is harmless. */
  kill(): Promise<void>
}

/**
 * Starts installed packages and nothing else: what runs follows from the runtime that the
 * installer recorded, never from a request.
 */
export interface Sandbox {
  readonly status: SandboxStatus

  /**
   * The process dies with this one, sees its version directory read-only as `/app`, an empty
   * environment apart from `configuration.environment` and `secrets`, and no network unless
   * `configuration.network` is `full`. The caller checks the tree first (`ArtifactStore.verifyTree`).
   *
   * @param secrets by name of the declared variable; only `configuration.secretNames` are passed on.
   * @throws {SandboxUnavailableError} when nothing may be started here.
   */
  spawnServer(
    runtime: NpmRuntime,
    configuration: Configuration,
    secrets: Readonly<Record<string, string>>,
  ): Promise<ServerProcess>
}

export class SandboxUnavailableError extends Error {
  override readonly name = 'SandboxUnavailableError'
}
