import type { RunEvent } from '../run-events.ts'

export type StepChange = {
  readonly step: number
  /** `waiting`: again, for a time or an event. */
  readonly state: 'running' | 'waiting' | 'completed' | 'faulted' | 'cancelled'
}

/**
 * What becomes of the steps that an event does not name. A step that only contains others has an event
 * of its own when it completes; when something around it ends first, it has none.
 */
export class ContainedSteps {
  readonly #parents = new Map<number, number>()
  readonly #open = new Set<number>()
  #lastCompleted = 0

  /** @param event of one run, in the order of its stream. */
  apply({ type, data }: RunEvent): readonly StepChange[] {
    switch (type) {
      case 'TaskStarted':
      case 'ApprovalRequested':
        this.#parents.set(data.step, data.parent)
        this.#open.add(data.step)
        return this.#reopened(this.#around(data.step))
      case 'TaskCompleted':
        this.#lastCompleted = data.step
        return this.#ended(data.step)
      case 'TaskSkipped':
      case 'TaskCancelled':
        return this.#ended(data.step)
      case 'TaskFaulted':
        return this.#faulted(data.step, data.caughtBy)
      case 'RunRetried':
        return this.#retried([...data.timers, ...data.listeners].map(({ step }) => step))
      case 'RunCompleted':
        // `then: end` ends the tasks around it, too.
        return [
          ...this.#end(this.#around(this.#lastCompleted), 'completed'),
          ...this.#end(this.#open, 'cancelled'),
        ]
      case 'RunFaulted':
      case 'RunCancelled':
        return this.#end(this.#open, 'cancelled')
      default:
        return []
    }
  }

  #ended(step: number): readonly StepChange[] {
    this.#open.delete(step)
    return this.#end(this.#within(step), 'cancelled')
  }

  /** What is between the fault and the `try` that catches it, or all around it, faults with it. */
  #faulted(step: number, caughtBy = 0): readonly StepChange[] {
    const around = this.#around(step)
    const end = around.indexOf(caughtBy)
    const failed = end < 0 ? around : around.slice(0, end)
    return [
      ...this.#ended(step),
      ...this.#end(failed, 'faulted'),
      ...(caughtBy === 0 ? [] : this.#end(this.#within(caughtBy), 'cancelled')),
    ]
  }

  #retried(waiting: readonly number[]): readonly StepChange[] {
    return waiting.flatMap((step) => {
      this.#open.add(step)
      return [{ step, state: 'waiting' } as const, ...this.#reopened(this.#around(step))]
    })
  }

  #reopened(steps: readonly number[]): readonly StepChange[] {
    const ended = steps.filter((step) => !this.#open.has(step))
    for (const step of ended) this.#open.add(step)
    return ended.map((step) => ({ step, state: 'running' }))
  }

  #end(steps: Iterable<number>, state: StepChange['state']): readonly StepChange[] {
    const ended = [...steps].filter((step) => this.#open.delete(step))
    return ended.map((step) => ({ step, state }))
  }

  /** The nearest first, without the run itself. */
  #around(step: number): number[] {
    const found: number[] = []
    for (let next = this.#parents.get(step); next; next = this.#parents.get(next)) found.push(next)
    return found
  }

  #within(step: number): readonly number[] {
    return [...this.#open].filter((each) => this.#around(each).includes(step))
  }
}
