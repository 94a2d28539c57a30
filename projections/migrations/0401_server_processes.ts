import { type Kysely, type Migration, sql } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('server_processes')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('process_id', 'uuid', (column) => column.notNull())
    .addColumn('installation_id', 'uuid', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('sandbox', 'text', (column) => column.notNull())
    .addColumn('started_at', 'timestamptz', (column) => column.notNull())
    .addColumn('stopped_at', 'timestamptz')
    .addColumn('stop_reason', 'text')
    .addColumn('detail', 'text')
    .addColumn('exit_code', 'integer')
    .addColumn('ran_ms', sql`double precision`)
    .addPrimaryKeyConstraint('server_processes_pk', ['tenant_id', 'process_id'])
    .execute()

  await db.schema
    .createIndex('server_processes_newest')
    .on('server_processes')
    .columns(['tenant_id', 'started_at', 'process_id'])
    .execute()

  await db.schema
    .createTable('quarantines')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('installation_id', 'uuid', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('generation', 'integer', (column) => column.notNull())
    .addColumn('failures', 'integer', (column) => column.notNull())
    .addColumn('cause', 'text', (column) => column.notNull())
    .addColumn('quarantined_at', 'timestamptz', (column) => column.notNull())
    .addPrimaryKeyConstraint('quarantines_pk', ['tenant_id', 'installation_id'])
    .execute()
}
