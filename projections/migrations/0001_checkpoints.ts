import type { Kysely, Migration } from 'kysely'

/** How far each read model has followed the log, and which streams it had to leave out. */
export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .createTable('checkpoints')
    .addColumn('read_model', 'text', (column) => column.primaryKey())
    .addColumn('version', 'integer', (column) => column.notNull())
    .addColumn('position', 'bigint', (column) => column.notNull())
    // Raised by whoever changes the read model beside the projector, which then reads everything anew.
    .addColumn('epoch', 'integer', (column) => column.notNull().defaultTo(0))
    .addColumn('stopped', 'text')
    .execute()

  await db.schema
    .createTable('parked_streams')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('read_model', 'text', (column) => column.notNull())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('cause', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('parked_streams_pk', ['tenant_id', 'read_model', 'stream'])
    .execute()

  await db.schema
    .createTable('parked_events')
    .addColumn('tenant_id', 'text', (column) => column.notNull())
    .addColumn('read_model', 'text', (column) => column.notNull())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('position', 'bigint', (column) => column.notNull())
    .addColumn('revision', 'bigint', (column) => column.notNull())
    .addColumn('event_id', 'uuid', (column) => column.notNull())
    .addColumn('type', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('parked_events_pk', ['tenant_id', 'read_model', 'stream', 'position'])
    .execute()
}
