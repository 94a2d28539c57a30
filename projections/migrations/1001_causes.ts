import type { Kysely, Migration } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('causes')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('event_id', 'text', (column) => column.notNull())
    .addColumn('causation_id', 'text', (column) => column.notNull())
    .addColumn('position', 'bigint', (column) => column.notNull())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addColumn('occurred_at', 'timestamptz', (column) => column.notNull())
    .addPrimaryKeyConstraint('causes_pk', ['tenant_id', 'event_id'])
    .execute()
  await db.schema
    .createIndex('causes_by_cause')
    .on('causes')
    .columns(['tenant_id', 'causation_id', 'position'])
    .execute()
}
