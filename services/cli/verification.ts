import type { Api } from './api.ts'
import { LINES, reported } from './reported.ts'

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

/** Has read models rebuilt from the log and compared with the live ones, row by row; by default all. */
export async function verify(
  api: Api,
  show: (state: string) => void,
  path = '/v1/audit/verifications',
): Promise<Verification> {
  return await reported(await api.open(path, {}, LINES, 'POST'), show)
}

export function summaryOf({ identical, durationMs, readModels }: Verification): string {
  const rows = readModels.flatMap(({ tables }) => tables).reduce((sum, each) => sum + each.rows, 0)
  const verdict = identical ? 'identical' : 'NOT identical'
  const models = readModels.length === 1 ? '1 read model' : `${readModels.length} read models`
  return `${models}, ${rows} rows: ${verdict} (${(durationMs / 1_000).toFixed(1)} s)`
}
