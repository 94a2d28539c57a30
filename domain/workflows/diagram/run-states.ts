import { ContainedSteps } from '../run/contained-steps.ts'
import type { RunEvent } from '../run-events.ts'
import type { TaskState, TaskStates } from './graph.ts'

/** What a run made of each task, event by event; of a task that was done several times, the last time. */
export class RunStates {
  readonly #references = new Map<number, string>()
  readonly #states = new Map<string, TaskState>()
  readonly #contained = new ContainedSteps()

  get states(): TaskStates {
    return this.#states
  }

  apply(event: RunEvent): void {
    const begun = beginningOf(event)
    if (begun !== undefined) {
      this.#references.set(begun.step, begun.reference)
      this.#states.set(begun.reference, begun.state)
    }
    const state = ENDS[event.type]
    if (state !== undefined && 'step' in event.data) this.#set(event.data.step, state)
    for (const { step, state } of this.#contained.apply(event)) this.#set(step, state)
  }

  #set(step: number, state: TaskState): void {
    const reference = this.#references.get(step)
    if (reference !== undefined) this.#states.set(reference, state)
  }
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
