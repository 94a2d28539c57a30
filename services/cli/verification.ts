import type { Api } from './api.ts'
import { CliError, EXIT, RefusedError } from './failure.ts'
import { linesIn } from './server-sent.ts'

export type Verification = {
  readonly identical: boolean
  readonly durationMs: number
  readonly readModels: readonly {
    readonly readModel: string
    readonly verdict: 'identical' | 'different' | 'not-verified'
    readonly parkedStreams: number
    readonly stopped: string | null
    readonly tables: readonly {
      readonly table: string
      readonly rows: number
      readonly differences: number
    }[]
  }[]
}

type Line = {
  readonly progress?: { readonly events: number; readonly position: string; readonly end: string }
  readonly result?: Verification
  readonly problem?: { readonly status: number; readonly code: string; readonly detail: string }
}

/** Has every read model rebuilt from the log and compared with the live one, row by row. */
export async function verify(api: Api, show: (state: string) => void): Promise<Verification> {
  const response = await api.open(
    '/v1/audit/verifications',
    {},
    { accept: 'application/x-ndjson' },
    'POST',
  )
  for await (const text of linesIn(response)) {
    const { progress, result, problem }: Line = JSON.parse(text)
    if (progress !== undefined)
      show(`${progress.events} events, at ${progress.position} of ${progress.end}`)
    if (problem !== undefined) throw new RefusedError(problem)
    if (result !== undefined) return result
  }
  throw new CliError(EXIT.fault, 'The answer ended before the verification did.')
}
