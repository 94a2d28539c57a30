import { type Kysely, sql, type Transaction } from 'kysely'
import type pg from 'pg'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { EventStore, Position } from '../../services/ports/event-store.ts'
import type {
  ReadModelVerdict,
  ReadModelVerifier,
  VerificationProgress,
} from '../../services/ports/read-model-verifier.ts'
import { createReadDatabase } from '../postgres/pool.ts'
import { buildThrough, startBuild } from './build.ts'
import { readCheckpoints } from './checkpoints.ts'
import { compareSchemas, type TableComparison } from './compare.ts'
import { LIVE_SCHEMA } from './live-schema.ts'
import type { Run } from './run.ts'
import { dropAbandoned, dropSchema, makeScratch, SHAPE_SCHEMA, scratchName } from './scratch.ts'

export type VerifyOptions = {
  readonly pool: pg.Pool
  readonly store: EventStore
  readonly readModels: readonly AnyReadModel[]
  readonly signal: AbortSignal
  readonly onProgress?: (progress: VerificationProgress) => void
  /** By default the live one. */
  readonly schema?: string
}

/** The port, over these read models. */
export function createReadModelVerifier(
  shared: Pick<VerifyOptions, 'pool' | 'store' | 'readModels'>,
): ReadModelVerifier {
  return {
    verify: (signal, onProgress, readModel) => {
      const readModels = shared.readModels.filter(({ name }) => name === (readModel ?? name))
      return verifyReadModels({ ...shared, readModels, signal, onProgress })
    },
  }
}

/**
 * Rebuilds every read model from the log in a schema beside the live one and compares them row
 * by row, while the live one goes on: its rows are copied in one snapshot together with the
 * checkpoints, and each read model is rebuilt through exactly its checkpoint.
 *
 * @throws when `signal` aborts, or the store or the database fails.
 */
export async function verifyReadModels(
  options: VerifyOptions,
): ReturnType<ReadModelVerifier['verify']> {
  const { pool, store, readModels, signal, onProgress, schema = LIVE_SCHEMA } = options
  const db = createReadDatabase<unknown>(pool)
  const live = scratchName('live')
  const rebuilt = scratchName('log')
  try {
    await dropAbandoned(db)
    const copied = await copyLive(db, { from: schema, to: live }, readModels)
    const ready = copied.filter(({ ready }) => ready)
    await makeScratch(db, rebuilt, readModels)
    const runs = await startBuild(
      db,
      rebuilt,
      ready.map(({ model }) => model),
    )
    for (const run of runs)
      run.until = ready.find(({ model }) => model === run.model)?.position ?? 0n
    const end = ready.reduce((last, { position }) => (position > last ? position : last), 0n)
    await buildThrough(runs, {
      ...{ db, store, schema: rebuilt, signal },
      onProgress: (events, position) => onProgress?.({ events, position, end }),
    })
    await assertBuilt(db, rebuilt, runs)
    const verdicts: ReadModelVerdict[] = []
    for (const each of copied) {
      const tables = each.ready ? await compareSchemas(db, { live, rebuilt }, each.model) : []
      verdicts.push(verdictOf(each, tables))
    }
    return {
      identical: verdicts.every(({ verdict }) => verdict === 'identical'),
      readModels: verdicts,
    }
  } finally {
    await dropSchema(db, live)
    await dropSchema(db, rebuilt)
  }
}

type Copied = {
  readonly model: AnyReadModel
  /** Whether there are rows of the version that this program would build. */
  readonly ready: boolean
  readonly position: Position
  readonly parkedStreams: number
  readonly stopped: string | null
}

/** A copy, because a snapshot held open during the rebuild would keep the database from cleaning up. */
async function copyLive(
  db: Kysely<unknown>,
  { from, to }: { readonly from: string; readonly to: string },
  models: readonly AnyReadModel[],
): Promise<Copied[]> {
  return await db
    .transaction()
    .setIsolationLevel('repeatable read')
    .execute(async (trx) => {
      await sql`create schema ${sql.ref(to)}`.execute(trx)
      const checkpoints = await readCheckpoints(trx, from)
      const parked = await countParked(trx, from)
      for (const table of models.flatMap(({ keys }) => Object.keys(keys)))
        await copyTable(trx, { from, to }, table)
      return models.map((model) => {
        const checkpoint = checkpoints.get(model.name)
        return {
          model,
          ready: checkpoint?.version === model.version,
          position: checkpoint?.position ?? 0n,
          parkedStreams: parked.get(model.name) ?? 0,
          stopped: checkpoint?.stopped ?? null,
        }
      })
    })
}

/** One that was dropped is compared as if all its rows had been deleted. */
async function copyTable(
  trx: Transaction<unknown>,
  { from, to }: { readonly from: string; readonly to: string },
  table: string,
): Promise<void> {
  const { rows } = await sql<{ there: boolean }>`
    select to_regclass(${`${from}.${table}`}) is not null as there`.execute(trx)
  const source =
    rows[0]?.there === true
      ? sql`select * from ${sql.table(`${from}.${table}`)}`
      : sql`select * from ${sql.table(`${SHAPE_SCHEMA}.${table}`)}`
  await sql`create table ${sql.table(`${to}.${table}`)} as ${source}`.execute(trx)
}

/** A crash of the database empties what was built: that would be compared with nothing. */
async function assertBuilt(db: Kysely<unknown>, schema: string, runs: readonly Run[]) {
  const found = await readCheckpoints(db, schema)
  for (const { model, checkpoint } of runs)
    if (found.get(model.name)?.position !== checkpoint.position)
      throw new Error('The database was interrupted during the verification.')
}

async function countParked(db: Kysely<unknown>, schema: string): Promise<Map<string, number>> {
  const { rows } = await sql<{ name: string; streams: number }>`
    select read_model as name, count(*)::int as streams
    from ${sql.table(`${schema}.parked_streams`)} group by read_model`.execute(db)
  return new Map(rows.map(({ name, streams }) => [name, streams]))
}

function verdictOf(
  { model, ready, position, parkedStreams, stopped }: Copied,
  tables: readonly TableComparison[],
): ReadModelVerdict {
  const same = tables.every(({ differences }) => differences === 0)
  const verdict = !ready ? 'not-verified' : same ? 'identical' : 'different'
  return { readModel: model.name, verdict, position, parkedStreams, stopped, tables }
}
