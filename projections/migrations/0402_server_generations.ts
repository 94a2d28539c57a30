import type { Kysely, Migration } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('server_generations')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('installation_id', 'uuid', (column) => column.notNull())
    .addColumn('generation', 'integer', (column) => column.notNull())
    .addPrimaryKeyConstraint('server_generations_pk', ['tenant_id', 'installation_id'])
    .execute()
}
