import type { WorkflowError } from '../run-events.ts'

// Serverless Workflow DSL 1.0.3, "Standard Error Types".
const TYPES = 'https://serverlessworkflow.io/spec/1.0.0/errors/'
const STATUS = {
  configuration: 400,
  validation: 400,
  expression: 400,
  authentication: 401,
  authorization: 403,
  timeout: 408,
  communication: 500,
  runtime: 500,
} as const

export type StandardError = keyof typeof STATUS

const MAX_DETAIL = 1_000

/** @param detail one sentence for a person; what is longer than 1,000 characters is cut off. */
export function standardError(
  kind: StandardError,
  detail: string,
  status: number = STATUS[kind],
): WorkflowError {
  return { type: `${TYPES}${kind}`, status, detail: detail.slice(0, MAX_DETAIL) }
}

/** A task's error on its way to the place where it is recorded; it never leaves a decision. */
export class TaskFault extends Error {
  override readonly name = 'TaskFault'
  readonly error: WorkflowError

  constructor(error: WorkflowError) {
    super(error.type)
    this.error = error
  }
}

/** What a step faults with when its work threw; what is no fault of the document is one of the program. */
export function errorOf(thrown: unknown): WorkflowError {
  if (thrown instanceof TaskFault) return thrown.error
  const why = thrown instanceof Error ? thrown.message : String(thrown)
  return standardError('runtime', `The program failed at this step: ${why}`)
}

export function fault(kind: StandardError, detail: string): TaskFault {
  return new TaskFault(standardError(kind, detail))
}
