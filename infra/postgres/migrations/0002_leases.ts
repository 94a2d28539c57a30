import { type Kysely, sql } from 'kysely'

/** Who took which lease last. The table must not be emptied: a token that comes again fences nobody. */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create table ops.leases (
      name text primary key,
      token bigint not null,
      taken_at timestamptz not null
    )`.execute(db)
}
