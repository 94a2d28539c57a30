import type { Row, RowChange } from './read-model.ts'
import { exactKey, keyColumns, mentioned, plus, rowKey } from './row-key.ts'

/** Sums and, after the first of them, settings of one row that may or may not be there. */
export type Accumulated = {
  readonly key: Row
  /** Added to what the row has, or to zero. */
  readonly add: Readonly<Record<string, number>>
  /** Replaces what the row has. */
  readonly set: Row
}

/**
 * What a batch does to one table. `patches` come first; after them, each row is in one of the
 * other lists at most once, so their order does not matter.
 */
export type FoldedTable = {
  /** Of rows that are there. */
  readonly patches: readonly { readonly key: Row; readonly set: Row }[]
  readonly removes: readonly Row[]
  readonly puts: readonly Row[]
  readonly accumulated: readonly Accumulated[]
}

type Final =
  | { readonly kind: 'put'; row: Record<string, unknown> }
  | { readonly kind: 'remove' }
  | { readonly kind: 'accumulate'; add: Record<string, number>; set: Record<string, unknown> }

/** Everything that a batch says of one row. */
type Pending = { readonly key: Row; patch?: Record<string, unknown>; final?: Final }

/**
 * Sums up a batch of changes by row, so that it costs one statement a table and kind instead
 * of one a change. The result is what the changes do one after the other.
 *
 * @throws {RangeError} when a change does not fit the keys.
 */
export function foldChanges(
  keys: Readonly<Record<string, readonly string[]>>,
  changes: Iterable<RowChange>,
): ReadonlyMap<string, FoldedTable> {
  const tables = new Map<string, Map<string, Pending>>()
  for (const change of changes) {
    const columns = keyColumns(keys, change.table)
    let rows = tables.get(change.table)
    if (rows === undefined) {
      rows = new Map()
      tables.set(change.table, rows)
    }
    note(rows, columns, change)
  }
  return new Map([...tables].map(([table, rows]) => [table, folded(rows.values())]))
}

function note(rows: Map<string, Pending>, columns: readonly string[], change: RowChange): void {
  if ('put' in change) {
    const key = rowKey(change.table, columns, change.put)
    rows.set(key, { key: change.put, final: { kind: 'put', row: { ...change.put } } })
    return
  }
  if ('remove' in change) {
    const key = exactKey(change.table, columns, change.remove)
    rows.set(key, { key: change.remove, final: { kind: 'remove' } })
    return
  }
  const key = exactKey(change.table, columns, change.at)
  let row = rows.get(key)
  if (row === undefined) {
    row = { key: change.at }
    rows.set(key, row)
  }
  if ('patch' in change) patch(row, mentioned(change.table, columns, change.patch))
  else add(row, change.table, mentioned(change.table, columns, change.add))
}

function patch(row: Pending, values: Row): void {
  switch (row.final?.kind) {
    case undefined:
      row.patch = Object.assign(row.patch ?? {}, values)
      return
    case 'put':
      Object.assign(row.final.row, values)
      return
    case 'remove':
      return
    case 'accumulate':
      Object.assign(row.final.set, values)
      for (const column of Object.keys(values)) delete row.final.add[column]
      return
  }
}

function add(row: Pending, table: string, counters: Readonly<Record<string, number>>): void {
  row.final ??= { kind: 'accumulate', add: {}, set: {} }
  if (row.final.kind === 'remove') row.final = { kind: 'put', row: { ...row.key } }
  const { final } = row
  for (const column in counters) {
    const by = counters[column] ?? 0
    const target: Record<string, unknown> =
      final.kind === 'put' ? final.row : column in final.set ? final.set : final.add
    target[column] = plus(table, column, target[column], by)
  }
}

function folded(rows: Iterable<Pending>): FoldedTable {
  const patches: FoldedTable['patches'][number][] = []
  const removes: Row[] = []
  const puts: Row[] = []
  const accumulated: Accumulated[] = []
  for (const { key, patch, final } of rows) {
    if (patch !== undefined) patches.push({ key, set: patch })
    if (final?.kind === 'put') puts.push(final.row)
    else if (final?.kind === 'remove') removes.push(key)
    else if (final?.kind === 'accumulate') accumulated.push({ key, add: final.add, set: final.set })
  }
  return { patches, removes, puts, accumulated }
}
