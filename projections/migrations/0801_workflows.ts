import { type Kysely, type Migration, sql } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('workflows')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('workflow_id', 'text', (column) => column.notNull())
    .addColumn('title', 'text', (column) => column.notNull())
    .addColumn('summary', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('document_hash', 'text', (column) => column.notNull())
    .addColumn('enabled', 'boolean', (column) => column.notNull())
    .addColumn('schedule', 'jsonb')
    .addColumn('time_zone', 'text', (column) => column.notNull())
    .addColumn('scheduled_since', 'timestamptz', (column) => column.notNull())
    .addColumn('owner_id', 'text', (column) => column.notNull())
    .addColumn('owner_scopes', sql`text[]`, (column) => column.notNull())
    .addColumn('changed_at', 'timestamptz', (column) => column.notNull())
    .addPrimaryKeyConstraint('workflows_pk', ['tenant_id', 'workflow_id'])
    .execute()
  await db.schema
    .createTable('workflow_versions')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('workflow_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('document_hash', 'text', (column) => column.notNull())
    .addColumn('source', 'text', (column) => column.notNull())
    .addColumn('owner_id', 'text', (column) => column.notNull())
    .addColumn('applied_at', 'timestamptz', (column) => column.notNull())
    .addPrimaryKeyConstraint('workflow_versions_pk', ['tenant_id', 'workflow_id', 'version'])
    .execute()
}
