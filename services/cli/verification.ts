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
      readonly examples: readonly {
        readonly key: Readonly<Record<string, unknown>>
        /** `missing`: only the log says it. `extra`: only the live row is there. */
        readonly kind: 'missing' | 'extra' | 'different'
      }[]
    }[]
  }[]
}

type Line = {
  readonly progress?: { readonly events: number; readonly position: string; readonly end: string }
  readonly result?: Verification
  readonly problem?: { readonly status: number; readonly code: string; readonly detail: string }
}

/** Has read models rebuilt from the log and compared with the live ones, row by row; by default all. */
export async function verify(
  api: Api,
  show: (state: string) => void,
  path = '/v1/audit/verifications',
): Promise<Verification> {
  const response = await api.open(path, {}, { accept: 'application/x-ndjson' }, 'POST')
  for await (const text of linesIn(response)) {
    const { progress, result, problem }: Line = JSON.parse(text)
    if (progress !== undefined)
      show(`${progress.events} events, at ${progress.position} of ${progress.end}`)
    if (problem !== undefined) throw new RefusedError(problem)
    if (result !== undefined) return result
  }
  throw new CliError(EXIT.fault, 'The answer ended before the verification did.')
}

export function summaryOf({ identical, durationMs, readModels }: Verification): string {
  const rows = readModels.flatMap(({ tables }) => tables).reduce((sum, each) => sum + each.rows, 0)
  const verdict = identical ? 'identical' : 'NOT identical'
  const models = readModels.length === 1 ? '1 read model' : `${readModels.length} read models`
  return `${models}, ${rows} rows: ${verdict} (${(durationMs / 1_000).toFixed(1)} s)`
}
