import type { Json } from '../../domain/kernel/json.ts'
import type { WorkflowDocument } from '../../domain/workflows/document.ts'
import type { Outcome, RunCommand } from '../../domain/workflows/run/commands.ts'
import type { Incoming } from '../../domain/workflows/run/event-match.ts'
import { type Action, nextActions, timersOf } from '../../domain/workflows/run/owed.ts'
import { nameOf } from '../../domain/workflows/run/reference.ts'
import { run } from '../../domain/workflows/run/run.ts'
import { isRun, type Run, type RunState } from '../../domain/workflows/run/state.ts'
import type { RunEvent, WorkflowError } from '../../domain/workflows/run-events.ts'

const runId = '11111111-1111-4111-8111-111111111111'
export const START = '2026-01-01T00:00:00.000Z'
const owner = { actorId: 'key:owner', scopes: ['workflows:write'] }

/** A document with these tasks and whatever else is given. */
export function workflow(tasks: unknown, rest: object = {}): WorkflowDocument {
  const document = { dsl: '1.0.3', namespace: 'test', name: 'example', version: '1.0.0' }
  return { document, do: tasks, ...rest } as WorkflowDocument
}

/** A run without a store: commands go to the decider, events to a list. */
export class RunScenario {
  readonly events: RunEvent[] = []
  state: RunState = run.initial
  now = START
  random = 0.5
  readonly #document: WorkflowDocument

  constructor(document: WorkflowDocument, input: Json = {}) {
    this.#document = document
    this.give({
      ...{ type: 'StartRun', runId, owner, trigger: 'request', depth: 0, input },
      surroundings: this.#surroundings(),
    })
    this.goOn()
  }

  #surroundings() {
    const violation = (schema: unknown, value: Json) =>
      typeof schema === 'object' && schema !== null && 'type' in schema
        ? typeof value === schema.type
          ? undefined
          : `It is no ${String(schema.type)}.`
        : undefined
    const program = { document: this.#document, hash: 'a'.repeat(64), violation }
    return { program, now: this.now, random: this.random }
  }

  /** @returns the code of the rejection; undefined when it was accepted. */
  give(command: RunCommand): string | undefined {
    const decision = run.decide(this.state, command)
    if (decision.outcome === 'rejected') return decision.rejection.code
    for (const event of decision.events) {
      // What is stored is JSON.
      const stored = JSON.parse(JSON.stringify(event)) as RunEvent
      this.events.push(stored)
      this.state = run.evolve(this.state, stored)
    }
    return undefined
  }

  goOn(): void {
    for (let before = -1; before !== this.events.length; ) {
      before = this.events.length
      this.give({ type: 'AdvanceRun', surroundings: this.#surroundings() })
    }
  }

  /** What is owed, by the names of the tasks. */
  owes(): string[] {
    return this.actions().map(({ reference }) => nameOf(reference))
  }

  actions(): readonly Action[] {
    return nextActions(this.state).filter(({ isAbandoned }) => !isAbandoned)
  }

  /** Those of runs that nobody waits for. */
  abandoned(): readonly Action[] {
    return nextActions(this.state).filter(({ isAbandoned }) => isAbandoned)
  }

  outcome(name: string, outcome: Outcome): void {
    const action = this.actions().find(({ reference }) => nameOf(reference) === name)
    if (action === undefined) throw new Error(`"${name}" is not owed.`)
    const { step } = action
    this.give({ type: 'RecordOutcome', step, outcome, surroundings: this.#surroundings() })
  }

  gives(name: string, output: Json): this {
    this.outcome(name, { output })
    return this
  }

  fails(name: string, error: Partial<WorkflowError> = {}): this {
    this.outcome(name, { error: { type: 'https://example.org/broken', status: 503, ...error } })
    return this
  }

  /** Moves the clock to the next timer and lets it fire. */
  nextTimer(): this {
    const due = timersOf(this.run)
      .map(({ dueAt }) => dueAt)
      .sort()[0]
    if (due === undefined) throw new Error('Nothing waits for a time.')
    this.now = due
    return this.clock(due)
  }

  clock(now: string): this {
    this.now = now
    this.give({ type: 'FireTimers', runId, now })
    this.goOn()
    return this
  }

  hears(type: string, data: Json, id = `${type}-${this.events.length}`): this {
    const event: Incoming = { id, type, data }
    this.give({ type: 'ReceiveEvent', event, surroundings: this.#surroundings() })
    this.goOn()
    return this
  }

  tell(type: 'SuspendRun' | 'ResumeRun' | 'CancelRun'): string | undefined {
    const code = this.give({ type, runId, now: this.now })
    this.goOn()
    return code
  }

  retry(step?: number): string | undefined {
    const from = step === undefined ? {} : { step }
    const code = this.give({ type: 'RetryRun', runId, now: this.now, ...from })
    this.goOn()
    return code
  }

  answer(
    decision: 'approve' | 'refuse',
    by: { readonly actorId?: string; readonly scopes?: readonly string[] } = {},
  ): string | undefined {
    const step = [...this.run.open.values()].find(({ approval }) => approval !== undefined)?.step
    const { actorId = 'key:someone', scopes = [] } = by
    const command = { step: step ?? 99, decision, actorId, scopes, runId, now: this.now }
    const code = this.give({ type: 'AnswerApproval', ...command })
    this.goOn()
    return code
  }

  get run(): Run {
    if (!isRun(this.state)) throw new Error('There is no run.')
    return this.state
  }

  get status(): string {
    return this.state.status
  }

  get output(): Json | undefined {
    const { result } = this.run
    return result !== undefined && 'output' in result ? result.output : undefined
  }

  get error(): WorkflowError | undefined {
    const { result } = this.run
    return result !== undefined && 'error' in result ? result.error : undefined
  }

  /** Types of the events, without those of the beginning of tasks. */
  told(): string[] {
    return this.events.map(({ type }) => type)
  }
}
