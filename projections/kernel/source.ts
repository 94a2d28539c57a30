import { type RawBuilder, sql } from 'kysely'
import type { Column } from './columns.ts'
import { literal } from './literals.ts'
import type { Row } from './read-model.ts'

/** A statement's parameters stay far below what the protocol can hold. */
const MAX_LENGTH = 16 * 1024 * 1024

/** Rows as a table expression with the alias `source`: one array a column, the fastest way in. */
export type Source = {
  readonly columns: readonly Column[]
  readonly rows: RawBuilder<unknown>
}

/**
 * Mostly one source; more when the rows are large. `columns` are those that some row gives.
 *
 * @param give the value that an item has for the column at this index.
 */
export function sources<Item>(
  columns: readonly Column[],
  items: readonly Item[],
  give: (item: Item, index: number, name: string) => unknown,
): Source[] {
  const found: Source[] = []
  let values: (string | null)[][] = columns.map(() => [])
  let length = 0
  const flush = () => {
    if ((values[0]?.length ?? 0) === 0) return
    found.push({ columns, rows: expression(columns, values) })
    values = columns.map(() => [])
    length = 0
  }
  for (const item of items) {
    let index = 0
    for (const { name, kind } of columns) {
      const value = literal(give(item, index, name), kind)
      values[index++]?.push(value)
      length += value?.length ?? 0
    }
    if (length > MAX_LENGTH) flush()
  }
  flush()
  return found
}

/** For items that are rows themselves. */
export function ofRow(row: Row, _index: number, name: string): unknown {
  return row[name]
}

function expression(columns: readonly Column[], values: readonly (string | null)[][]) {
  // An array of arrays would be one array: those come as text and are read one by one.
  const arrays = columns.map(({ type, kind }, index) =>
    kind === 'array' ? sql`${values[index]}::text[]` : sql`${values[index]}::${sql.raw(type)}[]`,
  )
  const names = columns.map(({ name }) => sql.ref(name))
  return sql`unnest(${sql.join(arrays)}) as source(${sql.join(names)})`
}

/** The value of a column in the source. */
export function given({ name, type, kind, counts }: Column): RawBuilder<unknown> {
  const value = sql`source.${sql.ref(name)}`
  const typed = kind === 'array' ? sql`${value}::${sql.raw(type)}` : value
  return counts ? sql`coalesce(${typed}, 0)` : typed
}

/** The value of a column that no row gives. */
export function blank({ type, counts }: Column): RawBuilder<unknown> {
  return counts ? sql`0` : sql`null::${sql.raw(type)}`
}
