import { type RawBuilder, sql } from 'kysely'
import type { Column } from './columns.ts'
import type { Accumulated, FoldedTable } from './fold.ts'
import { literal } from './literals.ts'
import type { Row, WideChange } from './read-model.ts'
import { mentioned } from './row-key.ts'
import { blank, given, ofRow, type Source, sources } from './source.ts'

/** One table as the statements need it. */
export type Target = {
  readonly table: string
  readonly key: readonly string[]
  readonly columns: readonly Column[]
}

/**
 * The statements that do what `folded` says, in this order.
 *
 * @throws {RangeError} when a change names a column that the table does not have.
 */
export function statements(target: Target, folded: FoldedTable): RawBuilder<unknown>[] {
  const { patches, removes, puts, accumulated } = folded
  return [
    ...byShape(patches, ({ set }) => shapeOf(set)).flatMap((alike) => update(target, alike)),
    ...remove(target, removes),
    ...put(target, puts),
    ...byShape(accumulated, ({ add, set }) => `${shapeOf(add)}+${shapeOf(set)}`).flatMap((alike) =>
      accumulate(target, alike),
    ),
  ]
}

function update(target: Target, patches: FoldedTable['patches']): RawBuilder<unknown>[] {
  const set = written(target, Object.keys(patches[0]?.set ?? {}))
  if (set.length === 0) return []
  const sets = set.map((column) => sql`${sql.ref(column.name)} = ${given(column)}`)
  const { length } = target.key
  const columns = [...keyOf(target), ...set]
  return sources(columns, patches, (each, index, name) =>
    index < length ? each.key[name] : each.set[name],
  ).map(
    (source) => sql`
      update ${sql.table(target.table)} as target set ${sql.join(sets)}
      from ${source.rows} where ${sameKey(target)}`,
  )
}

/**
 * @throws {RangeError} when it names no column, one that the table does not have, or a part of
 *   the key to change.
 */
export function patchWhere(target: Target, { where, patch }: WideChange): RawBuilder<unknown> {
  const set = mentioned(target.table, target.key, patch)
  const assign = (values: Row) =>
    written(target, Object.keys(values)).map(({ name, type, kind }) => {
      const value = sql`${literal(values[name], kind)}::${sql.raw(type)}`
      return sql`${sql.ref(name)} = ${value}`
    })
  if (Object.keys(where).length === 0)
    throw new RangeError(`A change of ${target.table} must say of which rows.`)
  return sql`
    update ${sql.table(target.table)} set ${sql.join(assign(set))}
    where ${sql.join(assign(where), sql` and `)}`
}

function remove(target: Target, keys: readonly Row[]): RawBuilder<unknown>[] {
  return sources(keyOf(target), keys, ofRow).map(
    (source) => sql`
      delete from ${sql.table(target.table)} as target
      using ${source.rows} where ${sameKey(target)}`,
  )
}

function put(target: Target, rows: readonly Row[]): RawBuilder<unknown>[] {
  const names = new Set<string>()
  for (const row of rows) for (const name in row) names.add(name)
  const rest = target.columns.filter(({ name }) => !target.key.includes(name))
  const sets = rest.map(({ name }) => sql`${sql.ref(name)} = excluded.${sql.ref(name)}`)
  return sources(written(target, [...names]), rows, ofRow).map((source) =>
    insert(target, source, sets),
  )
}

function accumulate(target: Target, alike: readonly Accumulated[]): RawBuilder<unknown>[] {
  const added = written(target, Object.keys(alike[0]?.add ?? {}))
  const set = written(target, Object.keys(alike[0]?.set ?? {}))
  const sets = [
    ...added.map(({ name }) => {
      const column = sql.ref(name)
      return sql`${column} = coalesce(target.${column}, 0) + excluded.${column}`
    }),
    ...set.map(({ name }) => sql`${sql.ref(name)} = excluded.${sql.ref(name)}`),
  ]
  const { length } = target.key
  const columns = [...keyOf(target), ...added, ...set]
  return sources(columns, alike, (each, index, name) => {
    if (index < length) return each.key[name]
    return index < length + added.length ? each.add[name] : each.set[name]
  }).map((source) => insert(target, source, sets))
}

function insert(target: Target, source: Source, sets: readonly RawBuilder<unknown>[]) {
  const names = target.columns.map(({ name }) => sql.ref(name))
  const values = target.columns.map((column) =>
    source.columns.includes(column) ? given(column) : blank(column),
  )
  const conflict = sets.length === 0 ? sql`do nothing` : sql`do update set ${sql.join(sets)}`
  return sql`
    insert into ${sql.table(target.table)} as target (${sql.join(names)})
    select ${sql.join(values)} from ${source.rows}
    on conflict (${sql.join(target.key.map((name) => sql.ref(name)))}) ${conflict}`
}

function sameKey({ key }: Target) {
  const same = key.map((name) => sql`target.${sql.ref(name)} = source.${sql.ref(name)}`)
  return sql.join(same, sql` and `)
}

function keyOf(target: Target): Column[] {
  return written(target, target.key)
}

/** @throws {RangeError} when the table does not have one of the columns. */
function written({ table, columns }: Target, names: readonly string[]): Column[] {
  return names.map((name) => {
    const column = columns.find((each) => each.name === name)
    if (column === undefined) throw new RangeError(`${table} has no column ${name}.`)
    return column
  })
}

/** Rows that give the same columns in the same order; in another order is another statement, which does no harm. */
function byShape<Item>(items: readonly Item[], shapeOf: (item: Item) => string): Item[][] {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const shape = shapeOf(item)
    const group = groups.get(shape)
    if (group === undefined) groups.set(shape, [item])
    else group.push(item)
  }
  return [...groups.values()]
}

function shapeOf(values: Row): string {
  let shape = ''
  for (const column in values) shape += `${column}\u0000`
  return shape
}
