import type { Kysely, Migration } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('ops.secrets')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('installation_id', 'uuid', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('box', 'bytea', (column) => column.notNull())
    .addPrimaryKeyConstraint('secrets_pk', ['tenant_id', 'installation_id', 'name'])
    .execute()
}
