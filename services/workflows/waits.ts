import type { RunEvent } from '../../domain/workflows/run-events.ts'
import type { Position, RecordedEvent } from '../ports/event-store.ts'
import type { RunKey } from '../ports/run-claims.ts'
import type { ListenerRow, TimerRow, WaitChanges } from '../ports/run-waits.ts'

// What a run waits for, out of its events as they are stored: nothing personal is needed for it.

/** Events that change what a run waits for. */
export const WAIT_EVENTS = [
  'WorkflowRunStarted',
  'TaskStarted',
  'TaskSkipped',
  'TaskCompleted',
  'TaskFaulted',
  'TaskCancelled',
  'TaskRetryScheduled',
  'TimerFired',
  'ApprovalRequested',
  'ApprovalGiven',
  'ApprovalRefused',
  'RunCompleted',
  'RunFaulted',
  'RunCancelled',
  'RunRetried',
] as const satisfies readonly RunEvent['type'][]

const wanted: ReadonlySet<string> = new Set(WAIT_EVENTS)

/** Gathers what came and went, and forgets what did both. */
export class GatheredWaits {
  readonly #over = new Map<string, RunKey & { readonly step: number }>()
  readonly #runsOver = new Map<string, RunKey>()
  readonly #timers = new Map<string, readonly TimerRow[]>()
  readonly #listeners = new Map<string, readonly ListenerRow[]>()
  /** Steps that began among these events: there are no rows of them yet. */
  readonly #begun = new Set<string>()

  /** @returns the types of events that somebody listens to from now on. */
  add({ type, data, tenantId, position, fault }: RecordedEvent): readonly string[] {
    if (fault !== undefined || !wanted.has(type)) return []
    const event = { type, data } as RunEvent
    const run = { tenantId, runId: event.data.runId }
    switch (event.type) {
      case 'WorkflowRunStarted':
        this.#begun.add(keyOf(run, 0))
        this.#addTimers(run, 0, event.data.deadline)
        return []
      case 'TaskStarted': {
        const { step, deadline, attemptUntil, until, listensTo = [] } = event.data
        this.#begun.add(keyOf(run, step))
        this.#addTimers(run, step, deadline, attemptUntil, until)
        this.#addListeners(run, step, listensTo, position)
        return listensTo
      }
      case 'ApprovalRequested':
        this.#begun.add(keyOf(run, event.data.step))
        this.#addTimers(run, event.data.step, event.data.until)
        return []
      case 'TaskRetryScheduled':
        this.#addTimers(run, event.data.step, event.data.dueAt)
        return []
      case 'TimerFired':
        this.#addTimers(run, event.data.step, event.data.attemptUntil)
        return []
      case 'RunRetried': {
        const { timers, listeners } = event.data
        for (const { step, dueAt } of timers) this.#addTimers(run, step, dueAt)
        for (const { step, listensTo } of listeners)
          this.#addListeners(run, step, listensTo, position)
        return listeners.flatMap(({ listensTo }) => listensTo)
      }
      case 'RunCompleted':
      case 'RunFaulted':
      case 'RunCancelled':
        this.#runOver(run)
        return []
      default:
        if ('step' in event.data) this.#stepOver(run, event.data.step)
        return []
    }
  }

  changes(): WaitChanges {
    return {
      over: [...this.#over.values()],
      runsOver: [...this.#runsOver.values()],
      timers: [...this.#timers.values()].flat(),
      listeners: [...this.#listeners.values()].flat(),
    }
  }

  #addListeners(run: RunKey, step: number, types: readonly string[], since: Position): void {
    const rows = types.map((type) => ({ ...run, step, type, since }))
    if (rows.length > 0) this.#listeners.set(keyOf(run, step), rows)
  }

  #addTimers(run: RunKey, step: number, ...times: readonly (string | undefined)[]): void {
    const key = keyOf(run, step)
    const rows = times.flatMap((time) =>
      time === undefined ? [] : [{ ...run, step, dueAt: new Date(time) }],
    )
    if (rows.length > 0) this.#timers.set(key, [...(this.#timers.get(key) ?? []), ...rows])
  }

  #stepOver(run: RunKey, step: number): void {
    const key = keyOf(run, step)
    this.#timers.delete(key)
    this.#listeners.delete(key)
    if (!this.#begun.has(key)) this.#over.set(key, { ...run, step })
  }

  #runOver(run: RunKey): void {
    const prefix = keyOf(run, '')
    for (const rows of [this.#timers, this.#listeners])
      for (const key of rows.keys()) if (key.startsWith(prefix)) rows.delete(key)
    this.#runsOver.set(prefix, run)
  }
}

function keyOf({ tenantId, runId }: RunKey, step: number | ''): string {
  return `${tenantId}.${runId}.${step}`
}
