import type pg from 'pg'
import { waitFor } from '../wait-for.ts'

/** A projector that is ready to work is at its next batch within a second. */
const BLOCKED_WITHIN_MS = 30_000

export type LockedTable = {
  /** Resolves when somebody's transaction waits for the table. */
  readonly blocks: () => Promise<void>
  /** Ends every other session of the program that has an open transaction or waits for its turn. */
  readonly free: () => Promise<void>
}

/** Keeps a read model's table from being written, so that a projector stands in mid-batch. */
export async function lockedTable(pool: pg.Pool, table: string): Promise<LockedTable> {
  const client = await pool.connect()
  await client.query('begin')
  await client.query(`lock table read.${table} in share mode`)
  return {
    async blocks() {
      await waitFor(
        'a projector in mid-batch',
        async () => {
          const { rowCount } = await pool.query(
            `select from pg_stat_activity where datname = current_database()
             and wait_event_type = 'Lock' and xact_start is not null and query like '%${table}%'`,
          )
          return rowCount !== null && rowCount > 0
        },
        BLOCKED_WITHIN_MS,
      )
    },
    async free() {
      await client.query('rollback')
      client.release()
    },
  }
}
