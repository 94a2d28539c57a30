import type { Kysely, Migration } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('usage_days')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('service', 'text', (column) => column.notNull())
    .addColumn('day', 'text', (column) => column.notNull())
    .addColumn('tool', 'text', (column) => column.notNull())
    .addColumn('calls', 'bigint', (column) => column.notNull())
    .addColumn('errors', 'bigint', (column) => column.notNull())
    .addColumn('duration_us', 'bigint', (column) => column.notNull())
    .addColumn('request_bytes', 'bigint', (column) => column.notNull())
    .addColumn('response_bytes', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('usage_days_pk', ['tenant_id', 'service', 'day', 'tool'])
    .execute()

  await db.schema
    .createTable('usage_buckets')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('service', 'text', (column) => column.notNull())
    .addColumn('day', 'text', (column) => column.notNull())
    .addColumn('tool', 'text', (column) => column.notNull())
    .addColumn('bucket', 'integer', (column) => column.notNull())
    .addColumn('calls', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('usage_buckets_pk', ['tenant_id', 'service', 'day', 'tool', 'bucket'])
    .execute()
}
