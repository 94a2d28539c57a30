import { type Kysely, sql, type Transaction } from 'kysely'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { Position } from '../../services/ports/event-store.ts'

/** Postgres channel on which every advance of a checkpoint is told. */
export const PROGRESS_CHANNEL = 'tidemark_read_models'

/** How far one read model's rows have followed the log. */
export type Checkpoint = {
  readonly version: number
  readonly position: Position
  readonly epoch: number
  /** Why it stands still; null when it does not. */
  readonly stopped: string | null
}

export type Advance = {
  readonly name: string
  readonly from: Checkpoint
  readonly to: Position
  readonly stopped: string | null
}

/** The rows are not as this projector left them: another one writes, or an operator intervened. */
export class FencedError extends Error {
  override readonly name = 'FencedError'
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

/**
 * Compare-and-set of every checkpoint, in the transaction that writes the rows. It also locks
 * them, so that a second projector waits here and then finds them changed.
 *
 * @throws {FencedError} when one is not where it is expected.
 */
export async function advance(
  trx: Transaction<unknown>,
  advances: readonly Advance[],
): Promise<void> {
  const wanted = advances.map(({ name, from, to, stopped }) => ({
    ...{ name, version: from.version, epoch: from.epoch, stopped },
    ...{ position: from.position.toString(), reached: to.toString() },
  }))
  const { numAffectedRows } = await sql`
    update checkpoints as c set position = w.reached, stopped = w.stopped
    from json_to_recordset(${JSON.stringify(wanted)}::json) as w(
      name text, version int, epoch int, position bigint, reached bigint, stopped text)
    where c.read_model = w.name and c.version = w.version and c.epoch = w.epoch
      and c.position = w.position`.execute(trx)
  if (numAffectedRows !== BigInt(advances.length))
    throw new FencedError('The checkpoints moved without this projector.')
}

/** Tells whoever waits for the read models, once the transaction commits. */
export async function tellProgress(trx: Transaction<unknown>): Promise<void> {
  await sql`select pg_notify(${PROGRESS_CHANNEL}, '')`.execute(trx)
}
