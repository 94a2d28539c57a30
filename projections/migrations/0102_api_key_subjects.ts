import { type Kysely, type Migration, sql } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await sql`alter table api_keys add column subject_id uuid, add column owner text`.execute(db)
  await sql`create index api_keys_by_subject on api_keys (tenant_id, subject_id)`.execute(db)
}
