import { type Kysely, type Migration, sql } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('installations')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('installation_id', 'uuid', (column) => column.notNull())
    .addColumn('server_name', 'text', (column) => column.notNull())
    .addColumn('source_id', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('version', 'text')
    .addColumn('requested_version', 'text', (column) => column.notNull())
    .addColumn('target', 'jsonb', (column) => column.notNull())
    .addColumn('runtime', 'jsonb')
    .addColumn('configuration', 'jsonb', (column) => column.notNull())
    .addColumn('tools', 'jsonb', (column) => column.notNull())
    .addColumn('attempt_id', 'uuid', (column) => column.notNull())
    .addColumn('failure', 'jsonb')
    .addColumn('available_version', 'text')
    .addColumn('available_breaking', 'boolean')
    .addColumn('created_at', 'timestamptz', (column) => column.notNull())
    .addColumn('changed_at', 'timestamptz', (column) => column.notNull())
    .addPrimaryKeyConstraint('installations_pk', ['tenant_id', 'installation_id'])
    .execute()

  await db.schema
    .createTable('installation_stages')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('installation_id', 'uuid', (column) => column.notNull())
    .addColumn('attempt_id', 'uuid', (column) => column.notNull())
    .addColumn('stage', 'text', (column) => column.notNull())
    .addColumn('status', 'text', (column) => column.notNull())
    .addColumn('started_at', 'timestamptz', (column) => column.notNull())
    .addColumn('ended_at', 'timestamptz')
    .addColumn('duration_ms', sql`double precision`)
    .addColumn('facts', 'jsonb', (column) => column.notNull())
    .addPrimaryKeyConstraint('installation_stages_pk', [
      'tenant_id',
      'installation_id',
      'attempt_id',
      'stage',
    ])
    .execute()

  await db.schema
    .createTable('installation_versions')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('installation_id', 'uuid', (column) => column.notNull())
    .addColumn('version', 'text', (column) => column.notNull())
    .addColumn('installed_at', 'timestamptz', (column) => column.notNull())
    .addPrimaryKeyConstraint('installation_versions_pk', [
      'tenant_id',
      'installation_id',
      'version',
    ])
    .execute()
}
