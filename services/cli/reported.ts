import { CliError, EXIT, RefusedError } from './failure.ts'
import { linesIn } from './server-sent.ts'

type Line<Result> = {
  readonly progress?: { readonly events: number; readonly position: string; readonly end: string }
  readonly result?: Result
  readonly problem?: { readonly status: number; readonly code: string; readonly detail: string }
}

/** Of a request whose answer comes in lines. */
export const LINES = { accept: 'application/x-ndjson' }

/**
 * The result of what reads the log and says on the way how far it is.
 *
 * @throws {RefusedError} what the last line says, {CliError} when there is none.
 */
export async function reported<Result>(
  response: Response,
  show: (state: string) => void,
): Promise<Result> {
  for await (const text of linesIn(response)) {
    const { progress, result, problem }: Line<Result> = JSON.parse(text)
    if (progress !== undefined)
      show(`${progress.events} events, at ${progress.position} of ${progress.end}`)
    if (problem !== undefined) throw new RefusedError(problem)
    if (result !== undefined) return result
  }
  throw new CliError(EXIT.fault, 'The answer ended before the work did.')
}
