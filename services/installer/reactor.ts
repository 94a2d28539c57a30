import type { Kysely } from 'kysely'
import type { InstallerEvent } from '../../domain/installer/events.ts'
import {
  diskPlan,
  installation,
  installationStream,
  nextAction,
  type StageOwed,
} from '../../domain/installer/installation.ts'
import type { InstallationCommand } from '../../domain/installer/installation-commands.ts'
import { everyInstallation } from '../../projections/installer/installation-queries.ts'
import type { InstallationsTables } from '../../projections/installer/installations.ts'
import { type Cause, causeIn } from '../kernel/cause.ts'
import { withCorrelation } from '../kernel/correlation.ts'
import { type CommandContext, execute, load } from '../kernel/execute.ts'
import { react } from '../kernel/react.ts'
import { untilDone } from '../kernel/until-done.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { DeliveredMessage, MessageBus } from '../ports/message-bus.ts'
import type { Metrics } from '../ports/metrics.ts'
import { InstallFault } from '../ports/package-installer.ts'
import type { SecretStore } from '../ports/secret-store.ts'
import { performStage, type StageDeps } from './stages.ts'

/** An install takes memory and a processor of its own. */
const MAX_AT_ONCE = 2
/** Before the database is asked again what an earlier process left. */
const RESUME_AGAIN_MS = 1_000

/** Events after which something is owed, or something is to be different on the disk. */
const TRIGGERS = [
  'InstallationRequested',
  'ServerUpdateRequested',
  'InstallationRolledBack',
  'ServerUninstalled',
] as const satisfies readonly InstallerEvent['type'][]

export type DriveDeps = StageDeps & {
  readonly events: EventStore
  readonly secrets: Pick<SecretStore, 'removeAll'>
  readonly now: () => Date
  readonly metrics: Metrics
}

export type InstallerReactorDeps = DriveDeps & {
  readonly db: Kysely<InstallationsTables>
  readonly bus: MessageBus
  readonly logger: Logger
}

type Ref = { readonly tenantId: string; readonly installationId: string }

/** Drives every installation until nothing is owed; first those that an earlier process left. */
export async function runInstallerReactor(
  deps: InstallerReactorDeps,
  signal: AbortSignal,
): Promise<void> {
  const driving = new Map<string, Promise<void>>()
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])

  /** One at a time for each installation: a redelivery waits for the delivery before it. */
  function drive(ref: Ref): Promise<void> {
    const key = `${ref.tenantId}.${ref.installationId}`
    const before = driving.get(key) ?? Promise.resolve()
    const turn = before.catch(() => {}).then(() => driveInstallation(deps, ref, either))
    driving.set(key, turn)
    const forget = () => {
      if (driving.get(key) === turn) driving.delete(key)
    }
    turn.then(forget, forget)
    return turn
  }

  const resumed = resume(deps, drive, either)
  try {
    await deps.bus.subscribe(
      {
        durable: 'installer',
        subjects: TRIGGERS.map((type) => `tidemark.*.installer.${type}`),
        maxInFlight: MAX_AT_ONCE,
        signal,
      },
      (message) => drive(refOf(message)),
    )
  } finally {
    // Whoever starts the reactor again starts with nothing of this one still going on.
    ended.abort()
    await resumed
  }
}

/**
 * What a process that died left half-done goes on at once, not when its message comes again.
 * Never rejects: nobody listens before the reactor ends.
 */
async function resume(
  deps: InstallerReactorDeps,
  drive: (ref: Ref) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (const ref of await everyRef(deps, signal)) {
    if (signal.aborted) return
    try {
      await drive(ref)
    } catch (error) {
      if (!signal.aborted) deps.logger.warn({ ...ref, err: error }, 'Not resumed.')
    }
  }
}

/** Asks until the database answers; none when `signal` aborts before it does. */
async function everyRef(
  { db, logger }: InstallerReactorDeps,
  signal: AbortSignal,
): Promise<readonly Ref[]> {
  const rows = await untilDone(
    () => everyInstallation(db),
    () => RESUME_AGAIN_MS,
    signal,
    (error) =>
      logger.warn({ err: error }, 'What is to be resumed is not known; it is asked again.'),
  )
  return (rows ?? []).map((row) => ({
    tenantId: row.tenant_id,
    installationId: row.installation_id,
  }))
}

function refOf({ subject, data }: DeliveredMessage): Ref {
  const [, tenantId = ''] = subject.split('.')
  return { tenantId, installationId: String(data.installationId) }
}

/** Carries out what the stream owes, one stage after the other, then makes the disk follow it. */
export async function driveInstallation(
  deps: DriveDeps,
  ref: Ref,
  signal: AbortSignal,
): Promise<void> {
  const stream = installationStream(ref.tenantId, ref.installationId)
  const started = performance.now()
  while (!signal.aborted) {
    const cause = await causeIn(deps.events, stream, TRIGGERS)
    if (cause === undefined) return
    const acted = await withCorrelation(cause.correlationId, () =>
      takeTurn(deps, ref, cause, started, signal),
    )
    if (!acted) break
  }
  const { state } = await load(deps.events, installation, stream)
  await deps.artifacts.settle(ref.tenantId, ref.installationId, diskPlan(state))
  // Neither ever comes back: it is installed anew, under another id.
  if (state.status === 'uninstalled' || state.status === 'failed')
    await deps.secrets.removeAll(ref.tenantId, ref.installationId)
}

function takeTurn(
  deps: DriveDeps,
  ref: Ref,
  cause: Cause,
  started: number,
  signal: AbortSignal,
): Promise<boolean> {
  const context = { tenantId: ref.tenantId, actorId: 'system:installer', ...cause }
  const perform = async (owed: StageOwed) => {
    const command = await performOwed(deps, ref, owed, context, signal)
    measure(deps.metrics, owed, command, (performance.now() - started) / 1_000)
    return command
  }
  const stream = installationStream(ref.tenantId, ref.installationId)
  return react(deps.events, installation, nextAction, perform, stream, context)
}

async function performOwed(
  deps: DriveDeps,
  ref: Ref,
  owed: StageOwed,
  context: CommandContext,
  signal: AbortSignal,
): Promise<InstallationCommand> {
  const { installationId } = ref
  const { attemptId, stage } = owed.attempt
  const attempt = { ...ref, attemptId }
  const about = () => ({ installationId, attemptId, stage, now: deps.now().toISOString() })
  const started = performance.now()
  const spentMs = () => Math.round(performance.now() - started)
  try {
    if (owed.exhausted)
      throw new InstallFault(
        'stage-kept-failing',
        `The stage was started too often without an end.`,
      )
    const stream = installationStream(ref.tenantId, installationId)
    const start: InstallationCommand = { type: 'StartStage', ...about() }
    await execute(deps.events, installation, stream, start, context)
    const { facts, runtime, tools } = await performStage(deps, attempt, owed, signal)
    return {
      type: 'CompleteStage',
      ...about(),
      durationMs: spentMs(),
      facts,
      ...(runtime === undefined ? {} : { runtime }),
      ...(tools === undefined ? {} : { tools }),
    }
  } catch (error) {
    if (!(error instanceof InstallFault)) throw error
    await deps.artifacts.discard(attempt)
    return { type: 'FailAttempt', ...about(), code: error.code, cause: error.message }
  }
}

function measure(
  metrics: Metrics,
  { purpose, attempt }: StageOwed,
  { type }: InstallationCommand,
  seconds: number,
): void {
  if (type === 'FailAttempt') metrics.installFinished('failed', seconds)
  else if (attempt.stage === 'clean')
    metrics.installFinished(purpose === 'install' ? 'installed' : 'updated', seconds)
}
