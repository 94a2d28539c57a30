import { ProblemError } from '../../services/kernel/problem.ts'
import { parseWorkflow } from '../../services/workflows/parse-document.ts'

export const HEAD = 'document: { dsl: 1.0.3, namespace: examples, name: a, version: 1.0.0 }\n'
export const commands = new Set(['sync', 'install'])

/** The faults of a document, a line each: `pointer: line, column: reason`. */
export function faultsOf(body: string, head = HEAD): readonly string[] {
  try {
    parseWorkflow(head + body, commands)
    return []
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error
    if (error.problem.code !== 'workflow-invalid') return [error.problem.code]
    return (error.problem.errors ?? []).map(({ pointer, detail }) => `${pointer}: ${detail}`)
  }
}
