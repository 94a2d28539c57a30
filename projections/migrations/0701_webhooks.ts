import { type Kysely, type Migration, sql } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('webhooks')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('webhook_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('url', 'text', (column) => column.notNull())
    .addColumn('types', sql`text[]`, (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('disabled_code', 'text')
    .addColumn('disabled_cause', 'text')
    .addColumn('registered_at', 'timestamptz', (column) => column.notNull())
    .addColumn('secret_rotated_at', 'timestamptz')
    .addColumn('previous_secret_until', 'timestamptz')
    .addPrimaryKeyConstraint('webhooks_pk', ['tenant_id', 'webhook_id'])
    .execute()
}
