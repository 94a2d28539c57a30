import { within } from '../../kernel/pointer.ts'
import type { WorkflowDocument } from '../document.ts'
import type { DataSchema } from '../document-parts.ts'
import type { Task } from '../document-tasks.ts'
import { taskGroups } from '../walk.ts'
import type { Fault } from './fault.ts'

/** A JSON Schema of the author, and where it is. */
type Placed = { readonly pointer: string; readonly schema: unknown }

type Shape = { readonly schema?: DataSchema | undefined } | undefined
type Shaping = { readonly [member in 'input' | 'output' | 'export']?: Shape }

/** Of a document that `schemaFaults` finds nothing in. */
export function* schemasIn(document: WorkflowDocument): Generator<Placed> {
  for (const { pointer, schema } of everySchema(document))
    if ('document' in schema)
      yield { pointer: within(pointer, 'document'), schema: schema.document }
}

/** Only schemas that the document itself holds are used. */
export function schemaFaults(document: WorkflowDocument): readonly Fault[] {
  return [...everySchema(document)].flatMap(({ pointer, schema }) => {
    if ('resource' in schema) {
      const detail = 'only schemas inside the document are used'
      return [{ pointer: within(pointer, 'resource'), detail }]
    }
    const { format = 'json' } = schema
    if (format.split(':')[0] === 'json') return []
    return [{ pointer: within(pointer, 'format'), detail: 'only the format json is known' }]
  })
}

type Found = { readonly pointer: string; readonly schema: DataSchema }

function* everySchema(document: WorkflowDocument): Generator<Found> {
  const { input, output } = document
  yield* shapesIn('', { input, output })
  for (const { tasks } of taskGroups(document))
    for (const { task, pointer } of tasks) yield* inTask(task, pointer)
}

function* inTask(task: Task, pointer: string): Generator<Found> {
  const { input, output, export: exported } = task
  yield* shapesIn(pointer, { input, output, export: exported })
  if ('listen' in task) yield* shapesIn(within(pointer, 'foreach'), task.foreach ?? {})
}

function* shapesIn(
  pointer: string,
  { input, output, export: exported }: Shaping,
): Generator<Found> {
  for (const [member, shape] of Object.entries({ input, output, export: exported }))
    if (shape?.schema !== undefined)
      yield { pointer: within(pointer, member, 'schema'), schema: shape.schema }
}
