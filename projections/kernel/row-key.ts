import type { Row } from './read-model.ts'

const SEPARATOR = '\u0000'

/**
 * The row's place in its table, as one string.
 *
 * @throws {RangeError} when a column of the key has no value.
 */
export function rowKey(table: string, columns: readonly string[], row: Row): string {
  let key = ''
  for (const column of columns) {
    const value = row[column]
    if (value === undefined || value === null)
      throw new RangeError(`A row of ${table} has no ${column}, which is a part of its key.`)
    key += (value instanceof Date ? value.toISOString() : String(value)) + SEPARATOR
  }
  return key
}

/** @throws {RangeError} when `at` names a column outside the key: the change would touch other rows. */
export function exactKey(table: string, columns: readonly string[], at: Row): string {
  if (Object.keys(at).length !== columns.length)
    throw new RangeError(`A change of ${table} must name exactly ${columns.join(', ')}.`)
  return rowKey(table, columns, at)
}

/** @throws {RangeError} when the read model does not own the table. */
export function keyColumns(
  keys: Readonly<Record<string, readonly string[]>>,
  table: string,
): readonly string[] {
  const columns = keys[table]
  if (columns === undefined) throw new RangeError(`The read model does not own ${table}.`)
  return columns
}

/** @throws {RangeError} when either is no integer that a number holds exactly. */
export function plus(table: string, column: string, value: unknown, by: number): number {
  const sum = Number(value ?? 0) + by
  if (!Number.isSafeInteger(by) || !Number.isSafeInteger(sum))
    throw new RangeError(`${table}.${column} can only add exact integers, not ${by} to ${value}.`)
  return sum
}

/**
 * The values that a change gives; a column that is there but undefined is not mentioned.
 *
 * @throws {RangeError} when one is a part of the key.
 */
export function mentioned<Value>(
  table: string,
  key: readonly string[],
  values: Readonly<Record<string, Value>>,
): Readonly<Record<string, Exclude<Value, undefined>>> {
  const result: Record<string, Exclude<Value, undefined>> = {}
  for (const column in values) {
    const value = values[column]
    if (key.includes(column))
      throw new RangeError(`${table}.${column} is a part of the key and cannot change.`)
    if (value !== undefined) result[column] = value as Exclude<Value, undefined>
  }
  return result
}
