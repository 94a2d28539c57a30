import { type Kysely, type Migration, sql } from 'kysely'

/** So that counting the runs that go on costs no more the more have ended. */
export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await sql`create index workflow_runs_open on workflow_runs (status) where ended_at is null`.execute(
    db,
  )
}
