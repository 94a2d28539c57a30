import type { Kysely, Migration } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('erasures')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('subject_id', 'uuid', (column) => column.notNull())
    .addColumn('requested_at', 'timestamptz', (column) => column.notNull())
    .addColumn('requested_by', 'text', (column) => column.notNull())
    .addColumn('erased_at', 'timestamptz')
    .addPrimaryKeyConstraint('erasures_pk', ['tenant_id', 'subject_id'])
    .execute()
}
