import { type Kysely, sql } from 'kysely'

export type Column = {
  readonly name: string
  /** Of its values, without a length or a precision. */
  readonly type: string
  readonly kind: 'plain' | 'json' | 'array'
  /** A number that may not be null: blank is 0. */
  readonly counts: boolean
}

/** The columns that a read model writes, by table. */
export type Columns = ReadonlyMap<string, readonly Column[]>

/** A read model cannot be projected without it; the others can. */
export class MissingTableError extends Error {
  override readonly name = 'MissingTableError'
}

/**
 * What the database says of the tables; a generated column is left out.
 *
 * @throws {MissingTableError} when a table is not there.
 */
export async function readColumns<Tables>(
  db: Kysely<Tables>,
  schema: string,
  tables: readonly string[],
): Promise<Columns> {
  const { rows } = await sql<Column & { table: string }>`
    select c.relname as table, a.attname as name, format_type(a.atttypid, null) as type,
      case when a.atttypid in ('json'::regtype, 'jsonb'::regtype) then 'json'
        when t.typcategory = 'A' then 'array' else 'plain' end as kind,
      a.attnotnull and t.typcategory = 'N' as counts
    from pg_class c
      join pg_attribute a on a.attrelid = c.oid
      join pg_type t on t.oid = a.atttypid
    where c.relnamespace = ${schema}::regnamespace
      and c.relname = any(${[...tables]}::text[])
      and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    order by a.attnum`.execute(db)
  const columns = new Map<string, Column[]>(tables.map((table) => [table, []]))
  for (const { table, ...column } of rows) columns.get(table)?.push(column)
  for (const [table, found] of columns)
    if (found.length === 0)
      throw new MissingTableError(`There is no table ${table} in schema ${schema}.`)
  return columns
}
