import { randomUUID } from 'node:crypto'
import { apiKey, apiKeyStream } from '../../domain/identity/api-key.ts'
import { createProjector } from '../../infra/projector/projector.ts'
import { createReadFreshness } from '../../infra/projector/read-freshness.ts'
import { readModels } from '../../projections/read-models.ts'
import { execute } from '../../services/kernel/execute.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { latenciesAt, type Measurement, measurement, quantile } from './measure.ts'
import { BENCH_CONTEXT, type Stage } from './stage.ts'

const PER_SECOND = 1_000
const WARM_UP = 1_000
const COMMANDS = 8_000
const SCOPES = ['catalogue:read'] as const
const BENCH_SUBJECT = '00000000-0000-4000-8000-000000000002'
const SECRET_HASH = '0'.repeat(64)

/**
 * From a command (read, fold, decide, append) to its effect in every read model, at a steady 1,000 a second,
 * against a row that is inserted and read back by another connection at the same pace.
 */
export async function benchVisible(stage: Stage): Promise<Measurement> {
  const { pool, store } = await stage.database()
  await pool.query('create table if not exists bare_rows (id uuid primary key)')
  const limit = await p99(async () => {
    const id = randomUUID()
    await pool.query('insert into bare_rows values ($1)', [id])
    await pool.query('select from bare_rows where id = $1', [id])
  })
  const stop = new AbortController()
  await using freshness = createReadFreshness({ pool })
  const running = createProjector({
    ...{ pool, store, readModels, logger: silent, metrics: noMetrics },
  }).run(stop.signal)
  const value = await p99(async (index) => {
    const keyId = index.toString(16).padStart(16, '0')
    const { position } = await execute(
      store,
      apiKey,
      apiKeyStream('bench', keyId),
      {
        type: 'IssueApiKey',
        ...{
          keyId,
          subjectId: BENCH_SUBJECT,
          name: 'bench',
          scopes: SCOPES,
          heldScopes: SCOPES,
          secretHash: SECRET_HASH,
        },
        now: new Date().toISOString(),
      },
      BENCH_CONTEXT,
    )
    if (!(await freshness.waitFor(position, 30_000))) throw new Error('It is never visible.')
  })
  stop.abort()
  await running
  return measurement('visible.p99', value, 'ms', limit)
}

async function p99(work: (index: number) => Promise<void>): Promise<number> {
  const took = await latenciesAt(PER_SECOND, WARM_UP + COMMANDS, WARM_UP, async (index) => {
    await work(index)
    return 'done'
  })
  return quantile(took, 0.99)
}
