import { type Kysely, sql, type Transaction } from 'kysely'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { Position } from '../../services/ports/event-store.ts'
import { type Fence, FencedError, standing } from '../postgres/fence.ts'

/** Postgres channel on which every advance of a checkpoint is told. */
export const PROGRESS_CHANNEL = 'tidemark_read_models'
/** What is told when it is not said what has changed: whoever waits has to look. */
export const LOOK = ''
/** Postgres takes 8,000 bytes. */
const MAX_TOLD = 7_000

/** How far one read model's rows have followed the log. */
export type Checkpoint = {
  readonly version: number
  readonly position: Position
  readonly epoch: number
  /** Why it stands still; null when it does not. */
  readonly stopped: string | null
}

/** How far read models are, by name. */
export type Places = {
  readonly schema: string
  readonly reached: Readonly<Record<string, string>>
}

export type Advance = {
  readonly name: string
  readonly from: Checkpoint
  readonly to: Position
  readonly stopped: string | null
}

/** The checkpoints that there are, by read model. */
export async function readCheckpoints(
  db: Kysely<unknown>,
  schema: string,
): Promise<Map<string, Checkpoint>> {
  const { rows } = await sql<Checkpoint & { name: string }>`
    select read_model as name, version, position, epoch, stopped
    from ${sql.table(`${schema}.checkpoints`)}`.execute(db)
  return new Map(rows.map(({ name, ...checkpoint }) => [name, checkpoint]))
}

/** Makes the missing checkpoints; `version` 0 says that no rows were made yet. */
export async function addCheckpoints(
  db: Kysely<unknown>,
  schema: string,
  models: readonly AnyReadModel[],
  version: (model: AnyReadModel) => number,
): Promise<void> {
  if (models.length === 0) return
  const rows = models.map((model) => sql`(${model.name}, ${version(model)}, 0)`)
  await sql`
    insert into ${sql.table(`${schema}.checkpoints`)} (read_model, version, position)
    values ${sql.join(rows)} on conflict do nothing`.execute(db)
}

const TAKEN_OVER = 'Another process took over.'

/** A holder of locks that stands still loses them, so that another projector can go on. */
export const STUCK_MS = 30_000

/**
 * Begins a projector's transaction, in one round trip: its settings, the check of its fences, the
 * compare-and-set of every checkpoint, and the word to whoever waits for the read models, which the commit sends.
 * The checkpoints are locked by it, so that a second projector waits here and then finds them
 * changed.
 *
 * It does not wait for the disk: a crash of the database may undo the newest transactions, rows
 * and checkpoint together, and in their order; the events are then projected again.
 *
 * @param told what the commit says, `LOOK` or what `placesOf` makes.
 * @throws {FencedError} when a checkpoint is not where it is expected, or a lease somebody else's.
 */
export async function advance(
  trx: Transaction<unknown>,
  schema: string,
  advances: readonly Advance[],
  fences: readonly Fence[],
  told: string,
): Promise<void> {
  const wanted = advances.map(({ name, from, to, stopped }) => ({
    ...{ name, version: from.version, epoch: from.epoch, stopped },
    ...{ position: from.position.toString(), reached: to.toString() },
  }))
  const { rows } = await sql<{ moved: number; fenced: number }>`
    with fenced as (${standing(fences)}), moved as (
      update ${sql.table(`${schema}.checkpoints`)} as c
      set position = w.reached, stopped = w.stopped
      from json_to_recordset(${JSON.stringify(wanted)}::json) as w(
        name text, version int, epoch int, position bigint, reached bigint, stopped text)
      where c.read_model = w.name and c.version = w.version and c.epoch = w.epoch
        and c.position = w.position
      returning 1)
    select (select count(*)::int from moved) as moved,
      (select count(*)::int from fenced) as fenced,
      set_config('search_path', ${`${schema}, public`}, true),
      set_config('synchronous_commit', 'off', true),
      set_config('idle_in_transaction_session_timeout', ${String(STUCK_MS)}, true),
      pg_notify(${PROGRESS_CHANNEL}, ${told})`.execute(trx)
  if (rows[0]?.fenced !== fences.length) throw new FencedError(TAKEN_OVER)
  if (rows[0].moved !== advances.length)
    throw new FencedError('The checkpoints moved without this projector.')
}

/** Where the read models of a schema will be, once the commit tells it. */
export function placesOf(schema: string, advances: readonly Advance[]): string {
  if (advances.some(({ stopped }) => stopped !== null)) return LOOK
  const reached = Object.fromEntries(advances.map(({ name, to }) => [name, to.toString()]))
  const told = JSON.stringify({ schema, reached } satisfies Places)
  return told.length > MAX_TOLD ? LOOK : told
}

/** @throws {FencedError} when somebody else holds one of the leases by now. */
export async function requireStanding(
  trx: Transaction<unknown>,
  fences: readonly Fence[],
): Promise<void> {
  const { rows } = await standing(fences).execute(trx)
  if (rows.length !== fences.length) throw new FencedError(TAKEN_OVER)
}

/**
 * Says why a read model stands still without having been projected further.
 *
 * @throws {FencedError}
 */
export async function stop(
  db: Kysely<unknown>,
  schema: string,
  fences: readonly Fence[],
  {
    name,
    from,
    cause,
  }: { readonly name: string; readonly from: Checkpoint; readonly cause: string },
): Promise<void> {
  const { version, position, epoch } = from
  await db.transaction().execute(async (trx) => {
    await requireStanding(trx, fences)
    await sql`
      update ${sql.table(`${schema}.checkpoints`)} set stopped = ${cause}
      where read_model = ${name} and version = ${version} and epoch = ${epoch}
        and position = ${position.toString()}::bigint`.execute(trx)
    await tellProgress(trx)
  })
}

/** Tells whoever waits for the read models, once the transaction commits. */
export async function tellProgress(trx: Transaction<unknown>): Promise<void> {
  await sql`select pg_notify(${PROGRESS_CHANNEL}, ${LOOK})`.execute(trx)
}
