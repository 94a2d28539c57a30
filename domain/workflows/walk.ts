import { within } from '../kernel/pointer.ts'
import type { WorkflowDocument } from './document.ts'
import type { Task, TaskItem } from './document-tasks.ts'
import { compensationOf } from './task-metadata.ts'

export type PlacedTask = { readonly pointer: string; readonly name: string; readonly task: Task }

/**
 * Tasks that stand together: one after another (`sequence`), beside one another (`branches`), or one
 * that others refer to (`single`).
 */
export type TaskGroup = {
  readonly kind: 'sequence' | 'branches' | 'single'
  readonly pointer: string
  readonly tasks: readonly PlacedTask[]
  /** How many tasks are around it. */
  readonly depth: number
}

type List = Omit<TaskGroup, 'tasks' | 'depth'> & { readonly items: readonly TaskItem[] }

/** Every group of tasks of a document, outer ones first. */
export function* taskGroups(document: WorkflowDocument): Generator<TaskGroup> {
  const root = group({ kind: 'sequence', pointer: '/do', items: document.do }, 0)
  const functions = Object.entries(document.use?.functions ?? {}).map(
    ([name, task]): TaskGroup => single({ pointer: within('/use/functions', name), name, task }, 0),
  )
  const open = [...functions, root]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    yield next
    for (const placed of next.tasks) open.push(...inside(placed, next.depth + 1))
  }
}

/** Groups of tasks directly inside a task. */
export function groupsIn(placed: PlacedTask): readonly TaskGroup[] {
  return inside(placed, 0)
}

function inside(placed: PlacedTask, depth: number): TaskGroup[] {
  const { pointer, name, task } = placed
  const groups = listsIn(task).map(({ path, ...list }) =>
    group({ ...list, pointer: within(pointer, ...path) }, depth),
  )
  const compensation = compensationOf(task)
  if (compensation === undefined) return groups
  const place = within(pointer, 'metadata', 'tidemark.compensate')
  return [...groups, single({ pointer: place, name, task: compensation }, depth)]
}

/** A list of tasks in a task, and the way to it. */
type InnerList = Omit<List, 'pointer'> & { readonly path: readonly string[] }

/** Of a `try` what it tries, then what it does when that fails. */
export function listsIn(task: Task): readonly InnerList[] {
  const kind = 'sequence'
  if ('fork' in task)
    return [{ kind: 'branches', path: ['fork', 'branches'], items: task.fork.branches }]
  if ('try' in task)
    return [
      { kind, path: ['try'], items: task.try },
      { kind, path: ['catch', 'do'], items: task.catch.do ?? [] },
    ]
  if ('listen' in task) return [{ kind, path: ['foreach', 'do'], items: task.foreach?.do ?? [] }]
  if ('do' in task) return [{ kind, path: ['do'], items: task.do }]
  return []
}

function group({ kind, pointer, items }: List, depth: number): TaskGroup {
  const tasks = items.flatMap((item, index) =>
    Object.entries(item).map(([name, task]) => ({
      ...{ name, task },
      pointer: within(pointer, index, name),
    })),
  )
  return { kind, pointer, tasks, depth }
}

function single(task: PlacedTask, depth: number): TaskGroup {
  return { kind: 'single', pointer: task.pointer, tasks: [task], depth }
}
