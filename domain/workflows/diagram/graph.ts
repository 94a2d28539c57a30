import type { WorkflowDocument } from '../document.ts'
import { type Task, type TaskKind, taskKind } from '../document-tasks.ts'
import { groupsIn, type PlacedTask, type TaskGroup, taskGroups } from '../walk.ts'

// What a diagram shows of a document: tasks in lists, and where each can go on.

export type Section = {
  readonly kind: TaskGroup['kind']
  /** '' where it needs none. */
  readonly label: string
  readonly nodes: readonly Node[]
  readonly edges: readonly Edge[]
}

export type Node = {
  readonly pointer: string
  readonly name: string
  readonly kind: TaskKind
  /** What it does, in a few words. */
  readonly note: string
  readonly sections: readonly Section[]
}

export type Edge = {
  /** Place of a node in its section. */
  readonly from: number
  /** `end` ends the workflow; `exit` leaves the list early. */
  readonly to: number | 'exit' | 'end'
  readonly label: string
}

/** What the run of a workflow made of a task. */
export type TaskState = 'running' | 'waiting' | 'completed' | 'faulted' | 'skipped' | 'cancelled'

/** By a task's JSON pointer; a task that has none was not reached. */
export type TaskStates = ReadonlyMap<string, TaskState>

export function graphOf(document: WorkflowDocument): Section {
  for (const group of taskGroups(document)) if (group.pointer === '/do') return sectionOf(group)
  throw new RangeError('The document has no tasks.')
}

function sectionOf(group: TaskGroup): Section {
  const { kind, tasks } = group
  const nodes = tasks.map(nodeOf)
  const edges =
    kind === 'sequence' ? tasks.flatMap((task, index) => edgesOf(task, index, tasks)) : []
  return { kind, label: labelOf(group), nodes, edges }
}

function nodeOf(placed: PlacedTask): Node {
  const { pointer, name, task } = placed
  const sections = groupsIn(placed).filter(({ tasks }) => tasks.length > 0)
  return {
    pointer,
    name,
    kind: taskKind(task),
    note: noteOf(task),
    sections: sections.map(sectionOf),
  }
}

function labelOf({ kind, pointer }: TaskGroup): string {
  if (kind === 'single') return 'undo'
  if (kind === 'branches') return ''
  const [last = '', before = ''] = pointer.split('/').reverse()
  if (before === 'catch') return 'catch'
  return before === 'foreach' ? 'each event' : last === 'try' ? 'try' : ''
}

function edgesOf(
  { task }: PlacedTask,
  from: number,
  tasks: readonly PlacedTask[],
): readonly Edge[] {
  const edge = (target: string | undefined, label: string): readonly Edge[] => {
    if (target === 'exit' || target === 'end') return [{ from, to: target, label }]
    const named = tasks.findIndex(({ name }) => name === target)
    const to = named >= 0 ? named : from + 1
    return to < tasks.length ? [{ from, to, label }] : []
  }
  if (!('switch' in task)) return edge(task.then, '')
  const cases = task.switch.flatMap((item) => Object.entries(item))
  const edges = cases.flatMap(([name, { then: target }]) => edge(target, name))
  return cases.some(([, { when }]) => when === undefined)
    ? edges
    : [...edges, ...edge(task.then, 'otherwise')]
}

function noteOf(task: Task): string {
  if ('call' in task) return `call ${task.call}`
  if ('wait' in task) return `wait ${textOf(task.wait)}`
  if ('for' in task) return `for ${task.for.each ?? 'item'} in ${task.for.in}`
  if ('fork' in task) return task.fork.compete ? 'fork, the first one wins' : 'fork'
  if ('run' in task && 'workflow' in task.run) return `run ${task.run.workflow.name}`
  if ('listen' in task) return `listen to ${Object.keys(task.listen.to)[0] ?? ''}`
  if ('raise' in task) return `raise ${textOf(task.raise.error)}`
  return taskKind(task)
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  const { type } = value as { readonly type?: unknown }
  if (typeof type === 'string') return type
  return Object.entries(value as object)
    .map(([unit, amount]) => `${amount} ${unit}`)
    .join(' ')
}
