import type { WorkflowDocument } from '../document.ts'
import { type TaskGroup, taskGroups } from '../walk.ts'
import { durationFaults, rootDurationFaults } from './durations.ts'
import { expressionFaults, namesIn, rootExpressionFaults } from './expressions.ts'
import type { Fault } from './fault.ts'
import { flowFaults } from './flow.ts'
import { lengthFaults } from './lengths.ts'
import { functionCycleFaults, referenceFaults, rootReferenceFaults } from './references.ts'
import { schemaFaults } from './schemas.ts'
import { compensationFaults, unsupportedInDocument, unsupportedInTask } from './supported.ts'

export const MAX_TASKS = 1_000
export const MAX_NESTING = 16

/**
 * What the schema of the language cannot say, of a document that fits it.
 *
 * @param commands names of Tidemark's functions.
 */
export function documentFaults(
  document: WorkflowDocument,
  commands: ReadonlySet<string>,
): readonly Fault[] {
  const groups: TaskGroup[] = []
  let tasks = 0
  for (const group of taskGroups(document)) {
    tasks += group.tasks.length
    if (tasks > MAX_TASKS)
      return [{ pointer: '', detail: `a workflow may have ${MAX_TASKS} tasks; this has more` }]
    if (group.depth > MAX_NESTING)
      return [{ pointer: group.pointer, detail: `tasks nest deeper than ${MAX_NESTING} levels` }]
    groups.push(group)
  }
  const names = namesIn(groups)
  return [
    ...unsupportedInDocument(document),
    ...schemaFaults(document),
    ...rootReferenceFaults(document),
    ...functionCycleFaults(document),
    ...rootDurationFaults(document),
    ...rootExpressionFaults(document, names),
    ...groups.flatMap((group) => [
      ...flowFaults(group),
      ...group.tasks.flatMap((task) => [
        ...lengthFaults(task),
        ...unsupportedInTask(task, document),
        ...compensationFaults(task),
        ...referenceFaults(task, document, commands),
        ...durationFaults(task),
        ...expressionFaults(task, names),
      ]),
    ]),
  ]
}
