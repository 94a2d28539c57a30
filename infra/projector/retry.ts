import { type Kysely, sql, type Transaction } from 'kysely'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { EventStore, RecordedEvent } from '../../services/ports/event-store.ts'
import type { ParkedStream, RetryOutcome } from '../../services/ports/projections.ts'
import { attempt } from './attempt.ts'
import type { Checkpoint } from './checkpoints.ts'
import { stepOf } from './plan.ts'
import { projection } from './project.ts'
import { type Run, startRun } from './run.ts'

export type RetryDeps = {
  readonly db: Kysely<unknown>
  readonly store: EventStore
  readonly schema: string
}

/**
 * Projects a parked stream's events in order until one fails again, and takes those that
 * worked out of the parked ones, in one transaction. The projector is kept out by the
 * checkpoint's lock and then, by its raised epoch, reads anew which streams are parked.
 */
export async function retryParked(
  { db, store, schema }: RetryDeps,
  model: AnyReadModel,
  parked: ParkedStream,
): Promise<RetryOutcome> {
  return await db.transaction().execute(async (trx) => {
    await sql`select set_config('search_path', ${`${schema}, public`}, true)`.execute(trx)
    const checkpoint = await lock(trx, model)
    const events = await parkedEvents(trx, parked)
    if (checkpoint === undefined || events.size === 0) return { outcome: 'not-parked' }
    const run = await startRun(trx, schema, model, checkpoint)
    const { projected, cause } = await projectAll(trx, run, store, parked.stream, events)
    await settle(trx, parked, projected, cause)
    const count = { events: projected.length }
    return cause === undefined
      ? { outcome: 'projected', ...count }
      : { outcome: 'parked-again', ...count, cause }
  })
}

async function lock(
  trx: Transaction<unknown>,
  { name, version }: AnyReadModel,
): Promise<Checkpoint | undefined> {
  const { rows } = await sql<Checkpoint>`
    update checkpoints set epoch = epoch + 1 where read_model = ${name} and version = ${version}
    returning version, position, epoch, stopped`.execute(trx)
  return rows[0]
}

/** Ids of the parked events, with the revision of the first. */
async function parkedEvents(
  trx: Transaction<unknown>,
  { tenantId, readModel, stream }: ParkedStream,
): Promise<{ readonly size: number; readonly ids: ReadonlySet<string>; readonly from: bigint }> {
  const { rows } = await sql<{ id: string; revision: string }>`
    select event_id as id, revision::text from parked_events
    where tenant_id = ${tenantId} and read_model = ${readModel} and stream = ${stream}
    order by position`.execute(trx)
  const from = BigInt(rows[0]?.revision ?? 0)
  return { size: rows.length, ids: new Set(rows.map(({ id }) => id)), from }
}

async function projectAll(
  trx: Transaction<unknown>,
  run: Run,
  store: EventStore,
  stream: string,
  { ids, from }: { readonly ids: ReadonlySet<string>; readonly from: bigint },
): Promise<{ readonly projected: readonly string[]; readonly cause?: string }> {
  const projected: string[] = []
  for await (const event of store.readStream(stream, { from })) {
    if (!ids.has(event.eventId)) continue
    const cause = await projectOne(trx, run, event)
    if (cause !== undefined) return { projected, cause }
    projected.push(event.eventId)
  }
  if (projected.length < ids.size)
    return { projected, cause: 'A parked event is not in its stream any more.' }
  return { projected }
}

/** @returns what is wrong with the event; undefined when it was projected. */
async function projectOne(
  trx: Transaction<unknown>,
  run: Run,
  event: RecordedEvent,
): Promise<string | undefined> {
  const step = stepOf(run.model, event)
  if ('cause' in step) return step.cause
  const failure = await attempt(trx, () => projection(run, [step])(trx))
  return failure?.cause
}

async function settle(
  trx: Transaction<unknown>,
  { tenantId, readModel, stream }: ParkedStream,
  projected: readonly string[],
  cause: string | undefined,
): Promise<void> {
  const one = sql`tenant_id = ${tenantId} and read_model = ${readModel} and stream = ${stream}`
  await sql`
    delete from parked_events where ${one} and event_id = any(${[...projected]}::uuid[])`.execute(
    trx,
  )
  if (cause === undefined) await sql`delete from parked_streams where ${one}`.execute(trx)
  else await sql`update parked_streams set cause = ${cause} where ${one}`.execute(trx)
}
