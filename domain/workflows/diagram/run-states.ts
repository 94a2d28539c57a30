import type { RunEvent } from '../run-events.ts'
import type { TaskState, TaskStates } from './graph.ts'

/** What a run made of each task, event by event; of a task that was done several times, the last time. */
export class RunStates {
  readonly #references = new Map<number, string>()
  readonly #states = new Map<string, TaskState>()

  get states(): TaskStates {
    return this.#states
  }

  apply(event: RunEvent): void {
    const end = RUN_ENDS[event.type]
    if (end !== undefined) this.#endAll(end)
    const begun = beginningOf(event)
    if (begun !== undefined) {
      this.#references.set(begun.step, begun.reference)
      this.#states.set(begun.reference, begun.state)
      return
    }
    const state = ENDS[event.type]
    if (state === undefined || !('step' in event.data)) return
    const reference = this.#references.get(event.data.step)
    if (reference !== undefined) this.#states.set(reference, state)
  }

  /** What was open around the last task has no event of its own. */
  #endAll(end: TaskState): void {
    for (const [reference, state] of this.#states)
      if (state === 'running' || state === 'waiting') this.#states.set(reference, end)
  }
}

/** What the end of a run makes of the steps that are open. */
export const RUN_ENDS: Partial<Record<RunEvent['type'], 'completed' | 'faulted' | 'cancelled'>> = {
  RunCompleted: 'completed',
  RunFaulted: 'faulted',
  RunCancelled: 'cancelled',
}

/** What an event makes of a step that has begun. */
const ENDS: Partial<Record<RunEvent['type'], TaskState>> = {
  TaskCompleted: 'completed',
  TaskFaulted: 'faulted',
  TaskCancelled: 'cancelled',
  TaskRetryScheduled: 'waiting',
}

type Beginning = { readonly step: number; readonly reference: string; readonly state: TaskState }

function beginningOf({ type, data }: RunEvent): Beginning | undefined {
  switch (type) {
    case 'TaskStarted': {
      const waits = data.until !== undefined || data.listensTo !== undefined
      return { step: data.step, reference: data.reference, state: waits ? 'waiting' : 'running' }
    }
    case 'ApprovalRequested':
      return { step: data.step, reference: data.reference, state: 'waiting' }
    case 'TaskSkipped':
      return { step: data.step, reference: data.reference, state: 'skipped' }
    default:
      return undefined
  }
}
