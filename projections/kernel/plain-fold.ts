import type { AnyChange, Row, WideChange } from './read-model.ts'
import { exactKey, keyColumns, mentioned, plus, rowKey } from './row-key.ts'

/** Rows of one read model's tables by key, as its changes say, one after the other. */
export type PlainTables = ReadonlyMap<string, ReadonlyMap<string, Row>>

export type PlainFold = {
  readonly apply: (changes: readonly AnyChange[]) => void
  /** A column that no change gave is missing: it is blank in the database. */
  readonly tables: PlainTables
}

/**
 * A read model without a database: what a test looks at, and the audit's independent account
 * of what the rows must be. It shares no code with the projector but the naming of rows.
 */
export function createPlainFold(keys: Readonly<Record<string, readonly string[]>>): PlainFold {
  const tables = new Map(Object.keys(keys).map((table) => [table, new Map<string, Row>()]))
  return {
    tables,
    apply(changes) {
      for (const change of changes) {
        const columns = keyColumns(keys, change.table)
        applyChange(tables.get(change.table) ?? new Map(), columns, change)
      }
    },
  }
}

function applyChange(rows: Map<string, Row>, columns: readonly string[], change: AnyChange): void {
  const { table } = change
  if ('where' in change) patchAll(rows, columns, change)
  else if ('put' in change) rows.set(rowKey(table, columns, change.put), change.put)
  else if ('remove' in change) rows.delete(exactKey(table, columns, change.remove))
  else {
    const key = exactKey(table, columns, change.at)
    const row = rows.get(key)
    if ('add' in change)
      rows.set(key, added(table, row ?? change.at, mentioned(table, columns, change.add)))
    else if (row !== undefined)
      rows.set(key, { ...row, ...mentioned(table, columns, change.patch) })
  }
}

function patchAll(
  rows: Map<string, Row>,
  columns: readonly string[],
  { table, where, patch }: WideChange,
): void {
  const set = mentioned(table, columns, patch)
  for (const [key, row] of rows)
    if (Object.entries(where).every(([column, value]) => row[column] === value))
      rows.set(key, { ...row, ...set })
}

function added(table: string, row: Row, by: Readonly<Record<string, number>>): Row {
  const sum = { ...row }
  for (const [column, amount] of Object.entries(by))
    sum[column] = plus(table, column, row[column], amount)
  return sum
}
