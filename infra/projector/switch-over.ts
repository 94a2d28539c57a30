import { type Kysely, sql, type Transaction } from 'kysely'
import type { Column, Columns } from '../../projections/kernel/columns.ts'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import type { Position } from '../../services/ports/event-store.ts'
import { type Fence, FencedError } from '../postgres/fence.ts'
import { requireStanding, STUCK_MS, tellProgress } from './checkpoints.ts'
import type { Run } from './run.ts'

export type Sides = { readonly live: string; readonly built: string }

/**
 * Makes the live rows of one read model, its checkpoint and what it parked equal to those of
 * `built`, in one transaction: a reader sees the old rows or the new ones, never none and never
 * some of each. Only rows that differ are written. A table that was dropped is put back.
 *
 * The live checkpoint is locked from the start, so that no projector, of whatever version, writes
 * meanwhile. `catchUp` then takes `built` to where the live one stands: nothing that a reader has seen is
 * unseen again.
 *
 * @throws {FencedError} when the live rows are of a later version, the built ones are not all there,
 * or another process took over.
 */
export async function switchOver(
  db: Kysely<unknown>,
  { live, built }: Sides,
  run: Run,
  fences: readonly Fence[],
  catchUp: (position: Position) => Promise<void>,
): Promise<void> {
  const { model, columns } = run
  // Of tables that grew a moment ago the database knows nothing, and plans accordingly.
  for (const table of columns.keys())
    await sql`analyze ${sql.table(`${built}.${table}`)}`.execute(db)
  await db.transaction().execute(async (trx) => {
    await requireStanding(trx, fences)
    await catchUp(await lock(trx, live, model))
    await restoreTables(trx, live, columns)
    for (const [table, found] of columns)
      await merge(trx, { live, built }, { table, key: model.keys[table] ?? [], columns: found })
    await takeParked(trx, { live, built }, model)
    await takeCheckpoint(trx, { live, built }, run)
    await tellProgress(trx)
  })
}

/** @returns the position of the live rows, which stands still until the transaction ends. */
async function lock(
  trx: Transaction<unknown>,
  live: string,
  { name, version }: AnyReadModel,
): Promise<Position> {
  await sql`
    select set_config('idle_in_transaction_session_timeout', ${String(STUCK_MS)}, true)`.execute(
    trx,
  )
  const { rows } = await sql<{ position: Position }>`
    select position from ${sql.table(`${live}.checkpoints`)}
    where read_model = ${name} and version <= ${version} for update`.execute(trx)
  const [locked] = rows
  if (locked === undefined) throw new FencedError(`${name} belongs to a newer program.`)
  return locked.position
}

/** Only of the schema that the migrations made: its owner does it. */
async function restoreTables(trx: Transaction<unknown>, live: string, tables: Columns) {
  for (const table of tables.keys())
    await sql`
      select ops.restore_table(${table})
      where to_regclass(${`${live}.${table}`}) is null`.execute(trx)
}

type Target = {
  readonly table: string
  readonly key: readonly string[]
  readonly columns: readonly Column[]
}

/** Rows are compared byte by byte (`*=`), which every type can. */
async function merge(
  trx: Transaction<unknown>,
  { live, built }: Sides,
  { table, key, columns }: Target,
): Promise<void> {
  const names = sql.join(columns.map(({ name }) => sql.ref(name)))
  const row = (side: string) =>
    sql`row(${sql.join(columns.map(({ name }) => sql.ref(`${side}.${name}`)))})::record`
  const sameKey = sql.join(
    key.map((name) => sql`l.${sql.ref(name)} = b.${sql.ref(name)}`),
    sql` and `,
  )
  await sql`
    delete from ${sql.table(`${live}.${table}`)} as l where not exists (
      select from ${sql.table(`${built}.${table}`)} as b
      where ${sameKey} and ${row('l')} *= ${row('b')})`.execute(trx)
  await sql`
    insert into ${sql.table(`${live}.${table}`)} (${names})
    select ${names} from ${sql.table(`${built}.${table}`)} as b where not exists (
      select from ${sql.table(`${live}.${table}`)} as l where ${sameKey})`.execute(trx)
}

async function takeParked(trx: Transaction<unknown>, { live, built }: Sides, model: AnyReadModel) {
  for (const table of ['parked_events', 'parked_streams']) {
    await sql`
      delete from ${sql.table(`${live}.${table}`)} where read_model = ${model.name}`.execute(trx)
    await sql`
      insert into ${sql.table(`${live}.${table}`)}
      select * from ${sql.table(`${built}.${table}`)} where read_model = ${model.name}`.execute(trx)
  }
}

/** The built tables are not in the database's journal: a crash of it empties all of them, this one too. */
async function takeCheckpoint(
  trx: Transaction<unknown>,
  { live, built }: Sides,
  { model, checkpoint }: Run,
) {
  const { numAffectedRows } = await sql`
    update ${sql.table(`${live}.checkpoints`)} as c
    set version = b.version, position = b.position, stopped = b.stopped, epoch = c.epoch + 1
    from ${sql.table(`${built}.checkpoints`)} as b
    where c.read_model = ${model.name} and b.read_model = c.read_model
      and b.position = ${checkpoint.position.toString()}::bigint`.execute(trx)
  if (numAffectedRows !== 1n) throw new FencedError(`What was built of ${model.name} is gone.`)
}
