import { type Kysely, sql } from 'kysely'
import type pg from 'pg'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { EventStore, Position } from '../../services/ports/event-store.ts'
import type {
  ParkedEventState,
  ParkedQuery,
  Projections,
  ReadModelState,
} from '../../services/ports/projections.ts'
import { createReadDatabase } from '../postgres/pool.ts'
import { type Checkpoint, readCheckpoints } from './checkpoints.ts'
import { LIVE_SCHEMA } from './live-schema.ts'
import { readProgress } from './rebuild-progress.ts'
import { retryParked } from './retry.ts'

export type ProjectionsDeps = {
  readonly pool: pg.Pool
  readonly store: EventStore
  readonly readModels: readonly AnyReadModel[]
  /** By default the live one. */
  readonly schema?: string
}

export function createProjections({
  pool,
  store,
  readModels,
  schema = LIVE_SCHEMA,
}: ProjectionsDeps): Projections {
  const db = createReadDatabase<unknown>(pool)
  return {
    async states(tenantId) {
      const checkpoints = await readCheckpoints(db, schema)
      const parked = await countParked(db, schema, tenantId)
      const rebuilds = await readProgress(db)
      const head = await store.head()
      return readModels.map((model) => ({
        ...stateOf(model, checkpoints.get(model.name), head),
        parkedStreams: parked.get(model.name) ?? 0,
        rebuild: rebuilds.get(model.name) ?? null,
      }))
    },
    parked: (query) => listParked(db, schema, query),
    async retry(stream) {
      const model = readModels.find(({ name }) => name === stream.readModel)
      if (model === undefined) return { outcome: 'not-parked' }
      return await retryParked({ db, store, schema }, model, stream)
    },
  }
}

function stateOf(
  model: AnyReadModel,
  checkpoint: Checkpoint | undefined,
  head: Position,
): Omit<ReadModelState, 'parkedStreams' | 'rebuild'> {
  const { version = 0, position = 0n, stopped = null } = checkpoint ?? {}
  const building = version < model.version
  return {
    readModel: model.name,
    version,
    programVersion: model.version,
    state: building ? 'building' : stopped === null ? 'live' : 'stopped',
    cause: stopped,
    position,
    lag: head > position ? head - position : 0n,
  }
}

async function countParked(
  db: Kysely<unknown>,
  schema: string,
  tenantId: string,
): Promise<Map<string, number>> {
  const { rows } = await sql<{ name: string; streams: number }>`
    select read_model as name, count(*)::int as streams
    from ${sql.table(`${schema}.parked_streams`)}
    where tenant_id = ${tenantId} group by read_model`.execute(db)
  return new Map(rows.map(({ name, streams }) => [name, streams]))
}

async function listParked(
  db: Kysely<unknown>,
  schema: string,
  { tenantId, readModel, limit, after }: ParkedQuery,
): Promise<readonly ParkedEventState[]> {
  const ofModel = readModel === undefined ? sql`true` : sql`e.read_model = ${readModel}`
  const beyond =
    after === undefined
      ? sql`true`
      : sql`(e.position, e.read_model) > (${after.position.toString()}::bigint, ${after.readModel})`
  const { rows } = await sql<ParkedEventState>`
    select e.read_model as "readModel", e.stream, s.cause, e.event_id as "eventId", e.type,
      e.revision, e.position
    from ${sql.table(`${schema}.parked_events`)} e
      join ${sql.table(`${schema}.parked_streams`)} s using (tenant_id, read_model, stream)
    where tenant_id = ${tenantId} and ${ofModel} and ${beyond}
    order by e.position, e.read_model limit ${limit}`.execute(db)
  return rows
}
