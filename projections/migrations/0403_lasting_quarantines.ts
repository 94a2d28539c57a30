import type { Kysely, Migration } from 'kysely'

export const up: Migration['up'] = async (db: Kysely<unknown>) => {
  await db.schema
    .alterTable('quarantines')
    .addColumn('until_lifted', 'boolean', (column) => column.notNull().defaultTo(false))
    .alterColumn('failures', (column) => column.dropNotNull())
    .execute()
}
