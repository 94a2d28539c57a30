import { within } from '../../kernel/pointer.ts'
import type { WorkflowDocument } from '../document.ts'
import { isFunctionCall, type Task } from '../document-tasks.ts'
import { groupsIn, type PlacedTask } from '../walk.ts'
import type { Fault } from './fault.ts'

// What a document refers to by name: its own reusable parts, and Tidemark's commands.

type Kind = 'errors' | 'retries' | 'timeouts'

export function referenceFaults(
  { task, pointer }: PlacedTask,
  { use = {} }: WorkflowDocument,
  commands: ReadonlySet<string>,
): readonly Fault[] {
  const named = (kind: Kind, name: unknown, ...path: readonly string[]): readonly Fault[] => {
    if (typeof name !== 'string' || Object.hasOwn(use[kind] ?? {}, name)) return []
    return [{ pointer: within(pointer, ...path), detail: `use.${kind} has no "${name}"` }]
  }
  const faults = [...named('timeouts', task.timeout, 'timeout')]
  if ('raise' in task) faults.push(...named('errors', task.raise.error, 'raise', 'error'))
  if ('try' in task) faults.push(...named('retries', task.catch.retry, 'catch', 'retry'))
  if (
    isFunctionCall(task) &&
    !Object.hasOwn(use.functions ?? {}, task.call) &&
    !commands.has(task.call)
  )
    faults.push({
      pointer: within(pointer, 'call'),
      detail: `there is no function "${task.call}": use.functions does not have it, and Tidemark's are ${[...commands].join(', ')}`,
    })
  return faults
}

export function rootReferenceFaults({ timeout, use }: WorkflowDocument): readonly Fault[] {
  if (typeof timeout !== 'string' || Object.hasOwn(use?.timeouts ?? {}, timeout)) return []
  return [{ pointer: '/timeout', detail: `use.timeouts has no "${timeout}"` }]
}

/** Functions that call one another for ever. */
export function functionCycleFaults({ use }: WorkflowDocument): readonly Fault[] {
  const functions = use?.functions ?? {}
  return Object.keys(functions)
    .filter((name) => callsItself(name, functions))
    .map((name) => ({
      pointer: within('/use/functions', name),
      detail: 'it calls itself in the end',
    }))
}

function callsItself(name: string, functions: Readonly<Record<string, Task>>): boolean {
  const seen = new Set<string>()
  const open = [name]
  for (let next = open.pop(); next !== undefined; next = open.pop())
    for (const called of calledIn(functions[next]))
      if (Object.hasOwn(functions, called) && !seen.has(called)) {
        seen.add(called)
        open.push(called)
      }
  return seen.has(name)
}

/** By the task itself, and by those in it. */
function calledIn(task: Task | undefined): readonly string[] {
  if (task === undefined) return []
  const own = isFunctionCall(task) ? [task.call] : []
  const groups = groupsIn({ pointer: '', name: '', task })
  return [...own, ...groups.flatMap(({ tasks }) => tasks.flatMap(({ task }) => calledIn(task)))]
}
