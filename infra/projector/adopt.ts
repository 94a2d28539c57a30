import { type Kysely, sql } from 'kysely'
import { readColumns } from '../../projections/kernel/columns.ts'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'
import { FencedError, tellProgress } from './checkpoints.ts'

/**
 * Replaces the live rows of one read model, its checkpoint and what it parked by those of
 * `built`, in one transaction: a reader sees the old rows or the new ones, never none.
 *
 * @throws {FencedError} when another process adopted this version or a later one.
 */
export async function adopt(
  db: Kysely<unknown>,
  { live, built }: { readonly live: string; readonly built: string },
  model: AnyReadModel,
): Promise<void> {
  const columns = await readColumns(db, live, Object.keys(model.keys))
  await db.transaction().execute(async (trx) => {
    const { rows } = await sql`
      select from ${sql.table(`${live}.checkpoints`)}
      where read_model = ${model.name} and version < ${model.version} for update`.execute(trx)
    if (rows.length === 0) throw new FencedError(`Another process rebuilt ${model.name}.`)
    for (const [table, found] of columns) {
      const names = sql.join(found.map(({ name }) => sql.ref(name)))
      await sql`delete from ${sql.table(`${live}.${table}`)}`.execute(trx)
      await sql`
        insert into ${sql.table(`${live}.${table}`)} (${names})
        select ${names} from ${sql.table(`${built}.${table}`)}`.execute(trx)
    }
    for (const table of ['parked_events', 'parked_streams']) {
      await sql`
        delete from ${sql.table(`${live}.${table}`)} where read_model = ${model.name}`.execute(trx)
      await sql`
        insert into ${sql.table(`${live}.${table}`)}
        select * from ${sql.table(`${built}.${table}`)} where read_model = ${model.name}`.execute(
        trx,
      )
    }
    await sql`
      update ${sql.table(`${live}.checkpoints`)} as c
      set version = b.version, position = b.position, stopped = b.stopped, epoch = c.epoch + 1
      from ${sql.table(`${built}.checkpoints`)} as b
      where c.read_model = ${model.name} and b.read_model = c.read_model`.execute(trx)
    await tellProgress(trx)
  })
}
