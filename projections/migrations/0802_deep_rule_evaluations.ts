import { type Kysely, type Migration, sql } from 'kysely'

/** Loops of rules are rare: the index has next to no rows. */
export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await sql`
    create index rule_evaluations_deep on rule_evaluations (tenant_id, depth) where depth > 4
  `.execute(db)
}
