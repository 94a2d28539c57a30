import type { RawBuilder } from 'kysely'
import type { Columns } from './columns.ts'
import { foldChanges } from './fold.ts'
import type { AnyChange, RowChange, WideChange } from './read-model.ts'
import { keyColumns } from './row-key.ts'
import { patchWhere, statements } from './statements.ts'

/**
 * The statements, in this order, that do to the tables what the changes do one after the other.
 *
 * @throws {RangeError} when a change does not fit the keys or the columns.
 */
export function* carryOut(
  keys: Readonly<Record<string, readonly string[]>>,
  columns: Columns,
  changes: readonly AnyChange[],
): Generator<RawBuilder<unknown>> {
  const targetOf = (table: string) => ({
    table,
    key: keyColumns(keys, table),
    columns: columns.get(table) ?? [],
  })
  for (const part of parts(changes))
    if ('where' in part) yield patchWhere(targetOf(part.table), part)
    else
      for (const [table, folded] of foldChanges(keys, part))
        yield* statements(targetOf(table), folded)
}

/** The changes of single rows, between those of many: each part sees the ones before it done. */
function* parts(changes: readonly AnyChange[]): Generator<readonly RowChange[] | WideChange> {
  let rows: RowChange[] = []
  for (const change of changes) {
    if ('where' in change) {
      yield rows
      yield change
      rows = []
    } else rows.push(change)
  }
  yield rows
}
