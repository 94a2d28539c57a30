/** What the shell sees; scripts branch on it. */
export const EXIT = { fault: 1, usage: 2, refused: 3, unreachable: 4 } as const

/** Ends the command with one sentence on stderr. */
export class CliError extends Error {
  override readonly name = 'CliError'
  readonly exitCode: number

  constructor(exitCode: number, sentence: string) {
    super(sentence)
    this.exitCode = exitCode
  }
}

/** The server refused (or failed) and said why: an RFC 9457 problem. */
export class RefusedError extends CliError {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.status >= 500 ? EXIT.fault : EXIT.refused, problem.detail)
    this.problem = problem
  }
}

export type Problem = {
  readonly status: number
  readonly code: string
  readonly detail: string
}

export function usage(sentence: string): CliError {
  return new CliError(EXIT.usage, sentence)
}
