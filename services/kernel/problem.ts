import type { Rejection } from '../../domain/kernel/decider.ts'

const STATUS = {
  invalid: 422,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  exhausted: 429,
} as const satisfies Record<Rejection['kind'], number>

/** RFC 9457 body, media type `application/problem+json`. */
export type ProblemDetails = {
  readonly type: string
  readonly title: string
  readonly status: number
  /** One sentence for a person, with what to do next where there is something to do. */
  readonly detail: string
  /** Stable; what programs branch on. */
  readonly code: string
  /** Where in the request the fault is, one entry a fault. */
  readonly errors?: readonly { readonly pointer: string; readonly detail: string }[]
}

export class ProblemError extends Error {
  override readonly name = 'ProblemError'
  readonly problem: ProblemDetails

  constructor(problem: ProblemDetails) {
    super(problem.detail)
    this.problem = problem
  }
}

/** @param code kebab-case, stable for ever. */
export function problem(
  status: number,
  code: string,
  detail: string,
  errors?: ProblemDetails['errors'],
): ProblemError {
  return new ProblemError({
    type: `urn:tidemark:problem:${code}`,
    title: code.replaceAll('-', ' '),
    status,
    detail,
    code,
    ...(errors === undefined ? {} : { errors }),
  })
}

export function problemOf({ kind, code, detail }: Rejection): ProblemError {
  return problem(STATUS[kind], code, detail)
}
