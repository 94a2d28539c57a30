import { within } from '../../kernel/pointer.ts'
import type { Task } from '../document-tasks.ts'
import { groupsIn, type PlacedTask, type TaskGroup } from '../walk.ts'
import type { Fault } from './fault.ts'

// Where a flow goes: `then` names a task of the same list, or says continue, exit or end.

const DIRECTIVES: ReadonlySet<string> = new Set(['continue', 'exit', 'end'])

export function flowFaults(group: TaskGroup): readonly Fault[] {
  const wrong = [...nameFaults(group), ...targetFaults(group)]
  return wrong.length > 0 || group.kind !== 'sequence' ? wrong : cycleFaults(group)
}

function nameFaults({ tasks }: TaskGroup): readonly Fault[] {
  const seen = new Set<string>()
  return tasks.flatMap(({ pointer, name }) => {
    if (DIRECTIVES.has(name))
      return [{ pointer, detail: `"${name}" is a flow directive; a task cannot be called that` }]
    if (seen.has(name))
      return [{ pointer, detail: `there is another task called "${name}" in this list` }]
    seen.add(name)
    return []
  })
}

function targetFaults({ kind, tasks }: TaskGroup): readonly Fault[] {
  const names = new Set(kind === 'sequence' ? tasks.map(({ name }) => name) : [])
  const where = kind === 'sequence' ? 'in this list' : 'that it could go on with'
  return tasks.flatMap((placed) =>
    directivesOf(placed)
      .filter(({ target }) => !DIRECTIVES.has(target) && !names.has(target))
      .map(({ pointer, target }) => ({ pointer, detail: `there is no task "${target}" ${where}` })),
  )
}

type Directive = { readonly pointer: string; readonly target: string }

function directivesOf({ pointer, task }: PlacedTask): readonly Directive[] {
  const own =
    task.then === undefined ? [] : [{ pointer: within(pointer, 'then'), target: task.then }]
  return [...own, ...casesOf(pointer, task)]
}

function casesOf(pointer: string, task: Task): readonly Directive[] {
  if (!('switch' in task)) return []
  return task.switch.flatMap((item, index) =>
    Object.entries(item).map(([name, { then: target }]) => ({
      ...{ pointer: within(pointer, 'switch', index, name, 'then'), target },
    })),
  )
}

const AWAY = -1

/** Tasks that a flow can come to, and from which no path leaves the list. */
function cycleFaults({ tasks }: TaskGroup): readonly Fault[] {
  const places = new Map(tasks.map(({ name }, index) => [name, index]))
  const edges = tasks.map((placed, index) => nextOf(placed, index, tasks.length, places))
  const leaving = reaching(edges)
  const stuck = [...reached(edges)].filter((index) => !leaving.has(index)).sort((a, b) => a - b)
  const first = tasks[stuck[0] ?? AWAY]
  if (first === undefined) return []
  const names = stuck.map((index) => tasks[index]?.name).slice(0, 10)
  const detail = `no condition leaves the cycle of ${names.join(', ')}; a run would never end`
  return [{ pointer: first.pointer, detail }]
}

function nextOf(
  placed: PlacedTask,
  index: number,
  count: number,
  places: ReadonlyMap<string, number>,
): readonly number[] {
  const { task } = placed
  if (leavesInside(placed)) return [AWAY]
  const following = index + 1 < count ? index + 1 : AWAY
  const to = (target: string | undefined) => {
    if (target === undefined || target === 'continue') return following
    return places.get(target) ?? AWAY
  }
  // A task whose condition is false is left out, and its `then` with it.
  const skipped = task.if === undefined ? [] : [following]
  const cases = casesOf('', task).map(({ target }) => to(target))
  const hasDefault =
    'switch' in task && task.switch.some((item) => Object.values(item).some(({ when }) => !when))
  return [...skipped, ...cases, ...(hasDefault ? [] : [to(task.then)])]
}

/** It fails by itself, or something inside it can end the workflow. */
function leavesInside(placed: PlacedTask): boolean {
  if ('raise' in placed.task) return true
  return groupsIn(placed).some(({ kind, tasks }) =>
    kind === 'single'
      ? false
      : tasks.some(
          (inner) =>
            directivesOf(inner).some(({ target }) => target === 'end') || leavesInside(inner),
        ),
  )
}

function reached(edges: readonly (readonly number[])[]): ReadonlySet<number> {
  const seen = new Set<number>()
  const open = edges.length > 0 ? [0] : []
  for (let index = open.pop(); index !== undefined; index = open.pop()) {
    if (index === AWAY || seen.has(index)) continue
    seen.add(index)
    open.push(...(edges[index] ?? []))
  }
  return seen
}

function reaching(edges: readonly (readonly number[])[]): ReadonlySet<number> {
  const before = new Map<number, number[]>()
  edges.forEach((targets, index) => {
    for (const target of targets) before.set(target, [...(before.get(target) ?? []), index])
  })
  const seen = new Set<number>()
  const open = [AWAY]
  for (let index = open.pop(); index !== undefined; index = open.pop())
    for (const from of before.get(index) ?? [])
      if (!seen.has(from)) {
        seen.add(from)
        open.push(from)
      }
  return seen
}
