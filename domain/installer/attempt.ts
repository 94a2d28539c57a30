import { accept, type Decision } from '../kernel/decider.ts'
import type { InstallerEvent } from './events.ts'
import type { InstallationCommand, InstallationRejection } from './installation-commands.ts'
import type {
  InstallationAttempt,
  InstallationState,
  InstalledVersion,
  Installing,
  Updating,
} from './installation-state.ts'

// Decisions about the running attempt. A command about another attempt, or about a stage that is
// over, comes from a delivery that was overtaken: it is accepted and does nothing.

/** The active version and the ones that a rollback returns to. */
export const KEPT_VERSIONS = 3

type Decided = Decision<InstallerEvent, InstallationRejection>
type Command<T extends InstallationCommand['type']> = Extract<
  InstallationCommand,
  { readonly type: T }
>
type Busy = Installing | Updating

function owes(
  state: InstallationState,
  { attemptId, stage }: Command<'StartStage' | 'CompleteStage' | 'FailAttempt'>,
): state is Busy {
  return (
    (state.status === 'installing' || state.status === 'updating') &&
    state.attempt.attemptId === attemptId &&
    state.attempt.stage === stage
  )
}

export function startStage(state: InstallationState, command: Command<'StartStage'>): Decided {
  if (!owes(state, command)) return accept()
  const { installationId, attemptId, stage, now } = command
  return accept({
    type: 'InstallationStageStarted',
    data: { installationId, attemptId, stage, startedAt: now },
  })
}

export function completeStage(
  state: InstallationState,
  command: Command<'CompleteStage'>,
): Decided {
  if (!owes(state, command)) return accept()
  const { installationId, attemptId, stage, durationMs, facts, runtime, tools, now } = command
  const completed: InstallerEvent = {
    type: 'InstallationStageCompleted',
    data: {
      installationId,
      attemptId,
      stage,
      durationMs,
      facts,
      ...(runtime === undefined ? {} : { runtime }),
      ...(tools === undefined ? {} : { tools: [...tools] }),
      completedAt: now,
    },
  }
  if (stage !== 'clean') return accept(completed)
  return accept(completed, ...outcome(state, command))
}

function outcome(state: Busy, command: Command<'CompleteStage'>): readonly InstallerEvent[] {
  const { installationId, now } = command
  const { attempt } = state
  const { attemptId, runtime } = attempt
  if (runtime === undefined)
    return [failure(state, command, 'nothing-installed', 'No stage installed anything.')]
  const tools = [...attempt.tools]
  if (state.status === 'installing')
    return [
      {
        type: 'ServerInstalled',
        data: {
          installationId,
          attemptId,
          version: attempt.version,
          runtime,
          tools,
          installedAt: now,
        },
      },
    ]
  const { same, surplus } = superseded(state, attempt)
  const discard = ({ version }: InstalledVersion): InstallerEvent => ({
    type: 'VersionDiscarded',
    data: { installationId, version, discardedAt: now },
  })
  return [
    ...same.map(discard),
    {
      type: 'ServerUpdated',
      data: {
        installationId,
        attemptId,
        from: state.active.version,
        to: attempt.version,
        runtime,
        tools,
        configuration: state.configuration,
        updatedAt: now,
      },
    },
    ...surplus.map(discard),
  ]
}

/** Kept copies of the version that is installed anew, and those that are too many after it. */
function superseded({ kept }: Updating, { version }: InstallationAttempt) {
  const same = kept.filter((one) => one.version === version)
  const others = kept.filter((one) => one.version !== version)
  // The active version and the one before it take two places.
  return { same, surplus: others.slice(KEPT_VERSIONS - 2) }
}

/** Cleaning up is a part of failing: it is shown as the stage that it is. */
export function failAttempt(state: InstallationState, command: Command<'FailAttempt'>): Decided {
  if (!owes(state, command)) return accept()
  const { installationId, attemptId, stage, code, cause, now } = command
  const failed = failure(state, command, code, cause)
  if (stage === 'clean') return accept(failed)
  const clean = { installationId, attemptId, stage: 'clean' } as const
  return accept(
    { type: 'InstallationStageStarted', data: { ...clean, startedAt: now } },
    {
      type: 'InstallationStageCompleted',
      data: { ...clean, durationMs: 0, facts: {}, completedAt: now },
    },
    failed,
  )
}

function failure(
  state: Busy,
  command: Command<'CompleteStage' | 'FailAttempt'>,
  code: string,
  cause: string,
): InstallerEvent {
  const { installationId, attemptId, stage, now } = command
  const data = { installationId, attemptId, stage, code, cause, failedAt: now }
  if (state.status === 'installing') return { type: 'InstallationFailed', data }
  return {
    type: 'ServerUpdateFailed',
    data: { ...data, from: state.active.version, to: state.attempt.version },
  }
}
