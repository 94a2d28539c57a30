import { accept, type Decider, reject } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { RegistrySourceEvent } from './events.ts'

// A registry that one tenant mirrors, and its sync runs:
//
//   absent ──AddSource──► idle ──StartSync──► running ──CompleteSync / FailSync──► idle
//                          └──────────────RemoveSource──────────┴──► removed ──AddSource──► idle
//
// There is at most one run at a time. A run that its process did not finish stays `running`:
// whoever finds it carries it on under the same id.

export function sourceStream(tenantId: string, sourceId: string): string {
  return streamName('source', tenantId, sourceId)
}

export type SourceKind = 'official' | 'file'
export type SyncTrigger = 'schedule' | 'request'

/** What a run did: counts, bytes and milliseconds. */
export type SyncTotals = {
  readonly pages: number
  readonly bytes: number
  readonly added: number
  readonly changed: number
  readonly removed: number
  readonly durationMs: number
}

export type SourceCommand =
  | {
      readonly type: 'AddSource'
      readonly sourceId: string
      readonly name: string
      readonly kind: SourceKind
      readonly location: string
      readonly syncIntervalSeconds: number
      readonly now: string
    }
  | { readonly type: 'RemoveSource'; readonly sourceId: string; readonly now: string }
  | {
      readonly type: 'StartSync'
      readonly sourceId: string
      readonly runId: string
      readonly trigger: SyncTrigger
      readonly acceptShrink: boolean
      readonly now: string
    }
  | {
      readonly type: 'CompleteSync'
      readonly sourceId: string
      readonly runId: string
      readonly totals: SyncTotals
      readonly unchanged: number
      readonly invalid: number
      readonly refused: number
      readonly newestUpdatedAt: string | undefined
      readonly now: string
    }
  | {
      readonly type: 'FailSync'
      readonly sourceId: string
      readonly runId: string
      readonly totals: SyncTotals
      readonly code: string
      readonly cause: string
      readonly now: string
    }

export type SourceRejection = 'source-not-found' | 'source-exists'

type Known = {
  readonly name: string
  readonly kind: SourceKind
  readonly location: string
  readonly syncIntervalSeconds: number
  /** Of the last run that completed; undefined before the first. */
  readonly newestUpdatedAt: string | undefined
}

export type SourceState =
  | { readonly status: 'absent' }
  | { readonly status: 'removed' }
  | (Known & { readonly status: 'idle' })
  | (Known & {
      readonly status: 'running'
      readonly runId: string
      readonly acceptShrink: boolean
      readonly startedAt: string
    })

export const source: Decider<SourceState, SourceCommand, RegistrySourceEvent, SourceRejection> = {
  initial: { status: 'absent' },

  decide(state, command) {
    switch (command.type) {
      case 'AddSource':
        return add(state, command)
      case 'RemoveSource': {
        if (state.status === 'removed') return accept()
        if (state.status === 'absent') return notFound(command)
        const { sourceId, now } = command
        return accept({ type: 'RegistrySourceRemoved', data: { sourceId, removedAt: now } })
      }
      case 'StartSync':
        if (state.status === 'running') return accept()
        return state.status === 'idle' ? accept(started(command)) : notFound(command)
      // The end of a run that was ended before, or whose source went away, has nothing left to say.
      case 'CompleteSync':
        return isRun(state, command) ? accept(completed(command)) : accept()
      case 'FailSync':
        return isRun(state, command) ? accept(failed(command)) : accept()
    }
  },

  evolve(state, event) {
    switch (event.type) {
      case 'RegistrySourceAdded': {
        const { name, kind, location, syncIntervalSeconds } = event.data
        return {
          status: 'idle',
          name,
          kind,
          location,
          syncIntervalSeconds,
          newestUpdatedAt: undefined,
        }
      }
      case 'RegistrySourceRemoved':
        return { status: 'removed' }
      case 'RegistrySyncStarted': {
        if (!isKnown(state)) return state
        const { runId, acceptShrink = false, startedAt } = event.data
        return { ...state, status: 'running', runId, acceptShrink, startedAt }
      }
      case 'RegistrySyncCompleted':
        return isKnown(state) ? idle(state, event.data.newestUpdatedAt) : state
      case 'RegistrySyncFailed':
        return isKnown(state) ? idle(state, state.newestUpdatedAt) : state
    }
  },
}

/** The run that is owed: begun, and its end not recorded. */
export type SyncOwed = Extract<SourceState, { readonly status: 'running' }>

export function nextAction(state: SourceState): SyncOwed | undefined {
  return state.status === 'running' ? state : undefined
}

type Command<Type extends SourceCommand['type']> = Extract<SourceCommand, { readonly type: Type }>

function isRun(state: SourceState, { runId }: { readonly runId: string }): boolean {
  return state.status === 'running' && state.runId === runId
}

function started(command: Command<'StartSync'>): RegistrySourceEvent {
  const { sourceId, runId, trigger, acceptShrink, now } = command
  const expected = acceptShrink ? { acceptShrink } : {}
  return {
    type: 'RegistrySyncStarted',
    data: { sourceId, runId, trigger, ...expected, startedAt: now },
  }
}

function completed(command: Command<'CompleteSync'>): RegistrySourceEvent {
  const { sourceId, runId, totals, unchanged, invalid, refused, newestUpdatedAt, now } = command
  const newest = newestUpdatedAt === undefined ? {} : { newestUpdatedAt }
  const counts = { ...totals, unchanged, invalid, refused }
  return {
    type: 'RegistrySyncCompleted',
    data: { sourceId, runId, ...counts, ...newest, completedAt: now },
  }
}

function failed({
  sourceId,
  runId,
  totals,
  code,
  cause,
  now,
}: Command<'FailSync'>): RegistrySourceEvent {
  return {
    type: 'RegistrySyncFailed',
    data: { sourceId, runId, ...totals, code, cause, failedAt: now },
  }
}

function notFound({ sourceId }: SourceCommand) {
  return reject('not-found', 'source-not-found', `There is no source "${sourceId}".`)
}

function add(state: SourceState, command: Command<'AddSource'>) {
  const { sourceId, name, kind, location, syncIntervalSeconds, now } = command
  if (isKnown(state)) {
    const same =
      state.name === name &&
      state.kind === kind &&
      state.location === location &&
      state.syncIntervalSeconds === syncIntervalSeconds
    if (same) return accept<RegistrySourceEvent>()
    return reject('conflict', 'source-exists', `There is another source "${sourceId}" already.`)
  }
  return accept<RegistrySourceEvent>({
    type: 'RegistrySourceAdded',
    data: { sourceId, name, kind, location, syncIntervalSeconds, addedAt: now },
  })
}

function isKnown(
  state: SourceState,
): state is Extract<SourceState, { status: 'idle' | 'running' }> {
  return state.status === 'idle' || state.status === 'running'
}

function idle(
  { name, kind, location, syncIntervalSeconds }: Known,
  newestUpdatedAt: string | undefined,
): SourceState {
  return { status: 'idle', name, kind, location, syncIntervalSeconds, newestUpdatedAt }
}
