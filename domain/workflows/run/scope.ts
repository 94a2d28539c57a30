import type { Json } from '../../kernel/json.ts'
import { within } from '../../kernel/pointer.ts'
import type { Task, TaskList } from '../document-tasks.ts'
import { listsIn } from '../walk.ts'
import { type Program, taskAt } from './program.ts'
import { nameOf } from './reference.ts'
import { around, type OpenStep, type Run, takenEvents } from './state.ts'

/** The children of a step: a list of tasks and where it is in the document. */
export type Scope = { readonly list: TaskList; readonly at: string }

const FUNCTIONS = '/use/functions'

/** @returns undefined for a step that has no list of its own. */
export function scopeOf(program: Program, step: OpenStep): Scope | undefined {
  const { reference } = step
  if (step.step === 0) return { list: program.document.do, at: '/do' }
  const task = taskAt(program, reference)
  const [first, ofCatch] = listsIn(task)
  const list = step.caught === undefined ? first : ofCatch
  if (list !== undefined) return { list: list.items, at: within(reference, ...list.path) }
  const called = functionOf(program, task)
  return called === undefined ? undefined : { list: [called], at: FUNCTIONS }
}

/** The task that a `call` means by the name of a function of the document. */
export function functionOf(
  { document }: Program,
  task: Task,
): { [name: string]: Task } | undefined {
  if (!('call' in task)) return undefined
  const { functions = {} } = document.use ?? {}
  const called = Object.hasOwn(functions, task.call) ? functions[task.call] : undefined
  return called === undefined ? undefined : { [task.call]: called }
}

export type Child = { readonly reference: string; readonly name: string; readonly task: Task }

export function childAt({ list, at }: Scope, index: number): Child | undefined {
  const [entry] = Object.entries(list[index] ?? {})
  if (entry === undefined) return undefined
  const [name, task] = entry
  const reference = at === FUNCTIONS ? within(at, name) : within(at, index, name)
  return { reference, name, task }
}

export function indexOfName({ list }: Scope, name: string): number {
  return list.findIndex((item) => Object.hasOwn(item, name))
}

export type Variables = { readonly [name: string]: Json }

/** What expressions of the step, or of its children, can name. */
export function variablesIn(program: Program, run: Run, step: OpenStep): Variables {
  const { runId, input, startedAt, namespace, name, version } = run
  const chain = [step, ...around(run, step)].reverse()
  const own = Object.assign({}, ...chain.map((each) => variablesOf(program, run, each)))
  return {
    ...own,
    context: run.context,
    input: step.input,
    workflow: {
      ...{ id: runId, namespace, name, version, input, startedAt: instant(startedAt) },
      definition: program.document as unknown as Json,
    },
    runtime: { name: 'tidemark', version: '1', metadata: {} },
    task: {
      name: nameOf(step.reference),
      reference: step.reference,
      ...(step.step === 0
        ? {}
        : { definition: taskAt(program, step.reference) as unknown as Json }),
      input: step.rawInput,
      startedAt: instant(step.startedAt),
    },
  }
}

/** The "DateTime descriptor" of the DSL. */
function instant(iso8601: string): Json {
  const milliseconds = Date.parse(iso8601)
  return { iso8601, epoch: { seconds: Math.floor(milliseconds / 1_000), milliseconds } }
}

/** What a loop, a `catch` or a compensation adds for what is inside. */
function variablesOf(program: Program, run: Run, step: OpenStep): Variables {
  const { round } = step.progress
  const compensated = run.compensable.find((each) => each.step === step.compensates)
  if (compensated !== undefined) {
    const { input, output = null } = compensated
    return { compensated: { input, output } }
  }
  if (step.step === 0) return {}
  const task = taskAt(program, step.reference)
  if ('for' in task && step.work?.kind === 'for') {
    const { each = 'item', at = 'index' } = task.for
    return { [each]: step.work.items[round] ?? null, [at]: round }
  }
  if ('listen' in task && round >= 0) {
    const { item = 'item', at = 'index' } = task.foreach ?? {}
    return { [item]: takenEvents(step)[round] ?? null, [at]: round }
  }
  if ('try' in task && step.caught !== undefined)
    return { [task.catch.as ?? 'error']: { ...step.caught } }
  return {}
}
