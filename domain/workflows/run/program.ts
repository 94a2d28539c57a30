import type { Json } from '../../kernel/json.ts'
import type { WorkflowDocument } from '../document.ts'
import type { Task } from '../document-tasks.ts'
import { lookUp } from './reference.ts'

/** One version of a workflow, as its runs need it. */
export type Program = {
  readonly document: WorkflowDocument
  /** SHA-256 of the document. */
  readonly hash: string
  /** What a value does not have that a JSON Schema asks for; undefined when it fits. */
  readonly violation: (schema: unknown, value: Json) => string | undefined
}

/** What a decision needs besides the state: all of it is recorded with what follows from it. */
export type Surroundings = {
  readonly program: Program
  /** ISO-8601. */
  readonly now: string
  /** From 0 to 1, without 1: for the jitter of retries. */
  readonly random: number
}

/** @throws {RangeError} when the document has no such task: it is not the one of the run. */
export function taskAt({ document }: Program, reference: string): Task {
  const task = lookUp(document, reference)
  if (task === undefined) throw new RangeError(`The workflow has no task "${reference}".`)
  return task as Task
}
