import { type Kysely, type Migration, sql } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('tenants')
    .addColumn('tenant_id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('catalogue_visibility', 'text', (column) => column.notNull())
    .addColumn('created_at', 'timestamptz', (column) => column.notNull())
    .execute()

  await db.schema
    .createTable('api_keys')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('key_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('scopes', sql`text[]`, (column) => column.notNull())
    .addColumn('secret_hash', 'text', (column) => column.notNull())
    .addColumn('issued_by', 'text', (column) => column.notNull())
    .addColumn('issued_at', 'timestamptz', (column) => column.notNull())
    .addColumn('expires_at', 'timestamptz')
    .addColumn('revoked_at', 'timestamptz')
    .addPrimaryKeyConstraint('api_keys_pk', ['tenant_id', 'key_id'])
    .execute()

  // Whose key it is, is what the look-up finds out.
  await db.schema.createIndex('api_keys_by_id').on('api_keys').column('key_id').execute()
}
