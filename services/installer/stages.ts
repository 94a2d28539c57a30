import { setTimeout as delay } from 'node:timers/promises'
import type { Runtime, Stage, Tools } from '../../domain/installer/events.ts'
import type { StageOwed } from '../../domain/installer/installation.ts'
import type { ArtifactStore } from '../ports/artifact-store.ts'
import { type Attempt, InstallFault, type PackageInstaller } from '../ports/package-installer.ts'
import type { Sandbox } from '../ports/sandbox.ts'
import type { ServerProbe } from '../ports/server-probe.ts'

export type StageDeps = {
  readonly packages: PackageInstaller
  readonly artifacts: ArtifactStore
  readonly probe: ServerProbe
  readonly sandbox: Pick<Sandbox, 'status'>
}

export type StageResult = {
  readonly facts: Readonly<Record<string, string | number | boolean>>
  readonly runtime?: Runtime
  readonly tools?: Tools
}

/** Pauses between tries of a stage that the outside let down. */
const PAUSES_MS = [1_000, 4_000]

/**
 * Does one stage's work. Doing it again, after a crash at any moment, has the same result.
 *
 * @throws {InstallFault} when the attempt is over.
 */
export async function performStage(
  deps: StageDeps,
  attempt: Attempt,
  owed: StageOwed,
  signal: AbortSignal,
): Promise<StageResult> {
  for (let tries = 0; ; tries++) {
    try {
      return await STAGE_WORK[owed.attempt.stage](deps, attempt, owed, signal)
    } catch (error) {
      const pause = PAUSES_MS[tries]
      if (!(error instanceof InstallFault && error.transient) || pause === undefined) throw error
      await delay(pause, undefined, { signal })
    }
  }
}

type Work = (
  deps: StageDeps,
  attempt: Attempt,
  owed: StageOwed,
  signal: AbortSignal,
) => Promise<StageResult>

const STAGE_WORK: Readonly<Record<Stage, Work>> = {
  async validate({ sandbox: { status } }, _attempt, { attempt: { target } }) {
    if (target.kind === 'remote') return { facts: { target: 'remote' } }
    if (!status.available) throw new InstallFault('sandbox-unavailable', status.reason)
    return { facts: { target: 'npm', package: target.identifier, sandbox: status.kind } }
  },

  async resolve({ packages }, attempt, { attempt: { target } }, signal) {
    if (target.kind === 'remote') return { facts: {} }
    return { facts: await packages.resolve(attempt, target, signal) }
  },

  async prepare({ packages }, attempt, { attempt: { target } }) {
    if (target.kind === 'remote') return { facts: {} }
    return { facts: await packages.prepare(attempt) }
  },

  async install({ packages }, attempt, { attempt: { target } }, signal) {
    if (target.kind === 'remote') return { facts: {}, runtime: target }
    const runtime = await packages.materialise(attempt, target, signal)
    const { sizeBytes, packages: count, treeSha256 } = runtime
    return { facts: { packages: count, sizeBytes, treeSha256 }, runtime }
  },

  async verify({ probe }, attempt, { attempt: { runtime }, configuration }, signal) {
    if (runtime === undefined)
      throw new InstallFault('nothing-installed', 'No stage installed anything.')
    const tools = await probe.probe(attempt, runtime, configuration, signal)
    return { facts: { tools: tools.length }, tools: [...tools] }
  },

  async clean({ artifacts }, attempt) {
    await artifacts.cleanUp(attempt)
    return { facts: {} }
  },
}
