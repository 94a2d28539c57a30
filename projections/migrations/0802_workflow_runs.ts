import type { Kysely, Migration } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('workflow_runs')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('run_id', 'text', (column) => column.notNull())
    .addColumn('workflow_id', 'text', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('suspended', 'boolean', (column) => column.notNull())
    .addColumn('trigger', 'text', (column) => column.notNull())
    .addColumn('owner_id', 'text', (column) => column.notNull())
    .addColumn('parent_run_id', 'text')
    .addColumn('started_at', 'timestamptz', (column) => column.notNull())
    .addColumn('ended_at', 'timestamptz')
    .addPrimaryKeyConstraint('workflow_runs_pk', ['tenant_id', 'run_id'])
    .execute()
  await db.schema
    .createIndex('workflow_runs_by_start')
    .on('workflow_runs')
    .columns(['tenant_id', 'started_at', 'run_id'])
    .execute()
  await db.schema
    .createIndex('workflow_runs_by_workflow')
    .on('workflow_runs')
    .columns(['tenant_id', 'workflow_id', 'started_at', 'run_id'])
    .execute()
}
