import { accept, type Decider } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { OperationsEvent } from './events.ts'

// The rebuilds of one read model that operators asked for:
//
//   never / ended ──RequestRebuild──► owed ──CompleteRebuild / FailRebuild──► ended
//
// There is at most one at a time. One that its process did not finish stays `owed`: whoever
// finds it begins it again under the same id.

/**
 * A read model is one for all tenants: its stream is that of the tenant that operates the server.
 *
 * @throws {RangeError} when the name is too long.
 */
export function readModelStream(operatingTenant: string, readModel: string): string {
  return streamName('readmodel', operatingTenant, readModel)
}

export type RebuildCommand =
  | {
      readonly type: 'RequestRebuild'
      readonly readModel: string
      readonly rebuildId: string
      readonly now: string
    }
  | {
      readonly type: 'CompleteRebuild'
      readonly rebuildId: string
      readonly version: number
      readonly position: string
      readonly events: number
      readonly durationMs: number
      readonly now: string
    }
  | {
      readonly type: 'FailRebuild'
      readonly rebuildId: string
      readonly cause: string
      readonly now: string
    }

type Asked = {
  readonly readModel: string
  readonly rebuildId: string
  readonly requestedAt: string
}

export type RebuildState =
  | { readonly status: 'never' }
  | (Asked & { readonly status: 'owed' })
  | (Asked & {
      readonly status: 'completed'
      readonly events: number
      readonly durationMs: number
      readonly endedAt: string
    })
  | (Asked & { readonly status: 'failed'; readonly cause: string; readonly endedAt: string })

export const rebuild: Decider<RebuildState, RebuildCommand, OperationsEvent, never> = {
  initial: { status: 'never' },

  decide(state, command) {
    switch (command.type) {
      case 'RequestRebuild': {
        // The one that is owed is what was asked for.
        if (state.status === 'owed') return accept()
        const { readModel, rebuildId, now } = command
        return accept({
          type: 'ReadModelRebuildRequested',
          data: { readModel, rebuildId, requestedAt: now },
        })
      }
      // The end of a rebuild that was ended before has nothing left to say.
      case 'CompleteRebuild': {
        if (!isOwed(state, command)) return accept()
        const { rebuildId, version, position, events, durationMs, now } = command
        const { readModel } = state
        const built = { version, position, events, durationMs }
        return accept({
          type: 'ReadModelRebuildCompleted',
          data: { readModel, rebuildId, ...built, completedAt: now },
        })
      }
      case 'FailRebuild': {
        if (!isOwed(state, command)) return accept()
        const { rebuildId, cause, now } = command
        const { readModel } = state
        return accept({
          type: 'ReadModelRebuildFailed',
          data: { readModel, rebuildId, cause, failedAt: now },
        })
      }
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'ReadModelRebuildRequested':
        return { status: 'owed', ...event.data }
      case 'ReadModelRebuildCompleted': {
        if (state.status !== 'owed') return state
        const { events, durationMs, completedAt } = event.data
        return { ...state, status: 'completed', events, durationMs, endedAt: completedAt }
      }
      case 'ReadModelRebuildFailed': {
        if (state.status !== 'owed') return state
        const { cause, failedAt } = event.data
        return { ...state, status: 'failed', cause, endedAt: failedAt }
      }
    }
  },
}

/** The rebuild that was asked for and whose end is not recorded. */
export type RebuildOwed = Extract<RebuildState, { readonly status: 'owed' }>

export function nextAction(state: RebuildState): RebuildOwed | undefined {
  return state.status === 'owed' ? state : undefined
}

function isOwed(
  state: RebuildState,
  { rebuildId }: { readonly rebuildId: string },
): state is RebuildOwed {
  return state.status === 'owed' && state.rebuildId === rebuildId
}
