import { type RawBuilder, sql } from 'kysely'
import type { Column } from './columns.ts'
import type { Accumulated, FoldedTable } from './fold.ts'
import { jsonRows } from './json-rows.ts'
import type { Row } from './read-model.ts'

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
    ...byShape(patches, ({ set }) => Object.keys(set)).flatMap((alike) => update(target, alike)),
    ...remove(target, removes),
    ...put(target, puts),
    ...byShape(accumulated, ({ add, set }) => [
      ...Object.keys(add).map((column) => `+${column}`),
      ...Object.keys(set),
    ]).flatMap((alike) => accumulate(target, alike)),
  ]
}

function update(target: Target, patches: FoldedTable['patches']): RawBuilder<unknown>[] {
  const columns = Object.keys(patches[0]?.set ?? {})
  if (columns.length === 0) return []
  const sets = written(target, columns).map(
    (column) => sql`${sql.ref(column.name)} = ${given(column)}`,
  )
  return jsonRows(patches.map(({ key, set }) => ({ ...set, ...key }))).map(
    (json) => sql`
      update ${sql.table(target.table)} as target set ${sql.join(sets)}
      from ${source(target, json)} where ${sameKey(target)}`,
  )
}

function remove(target: Target, keys: readonly Row[]): RawBuilder<unknown>[] {
  return jsonRows(keys).map(
    (json) => sql`
      delete from ${sql.table(target.table)} as target
      using ${source(target, json)} where ${sameKey(target)}`,
  )
}

function put(target: Target, rows: readonly Row[]): RawBuilder<unknown>[] {
  const known = new Set(target.columns.map(({ name }) => name))
  for (const row of rows)
    for (const column in row) if (!known.has(column)) throw unknownColumn(target, column)
  const rest = target.columns.filter(({ name }) => !target.key.includes(name))
  const sets = rest.map(({ name }) => sql`${sql.ref(name)} = excluded.${sql.ref(name)}`)
  return jsonRows(rows).map((json) => insert(target, json, sets))
}

function accumulate(target: Target, alike: readonly Accumulated[]): RawBuilder<unknown>[] {
  const { add = {}, set = {} } = alike[0] ?? {}
  const sets = [
    ...written(target, Object.keys(add)).map(({ name }) => {
      const column = sql.ref(name)
      return sql`${column} = coalesce(target.${column}, 0) + excluded.${column}`
    }),
    ...written(target, Object.keys(set)).map(
      ({ name }) => sql`${sql.ref(name)} = excluded.${sql.ref(name)}`,
    ),
  ]
  return jsonRows(alike.map((each) => ({ ...each.add, ...each.set, ...each.key }))).map((json) =>
    insert(target, json, sets),
  )
}

function insert(target: Target, json: string, sets: readonly RawBuilder<unknown>[]) {
  const names = target.columns.map(({ name }) => sql.ref(name))
  const conflict = sets.length === 0 ? sql`do nothing` : sql`do update set ${sql.join(sets)}`
  return sql`
    insert into ${sql.table(target.table)} as target (${sql.join(names)})
    select ${sql.join(target.columns.map(given))} from ${source(target, json)}
    on conflict (${sql.join(target.key.map((name) => sql.ref(name)))}) ${conflict}`
}

/** The table's own type reads the JSON: every value is parsed as its column would. */
function source({ table }: Target, json: string) {
  return sql`json_populate_recordset(null::${sql.table(table)}, ${json}::json) as source`
}

/** The value of a column in the source, or its blank. */
function given({ name, counts }: Column): RawBuilder<unknown> {
  const value = sql`source.${sql.ref(name)}`
  return counts ? sql`coalesce(${value}, 0)` : value
}

function sameKey({ key }: Target) {
  const same = key.map((name) => sql`target.${sql.ref(name)} = source.${sql.ref(name)}`)
  return sql.join(same, sql` and `)
}

function written(target: Target, names: readonly string[]): Column[] {
  return names.map((name) => {
    const column = target.columns.find((each) => each.name === name)
    if (column === undefined) throw unknownColumn(target, name)
    return column
  })
}

function unknownColumn({ table }: Target, name: string): RangeError {
  return new RangeError(`${table} has no column ${name}.`)
}

function byShape<Item>(items: readonly Item[], shapeOf: (item: Item) => string[]): Item[][] {
  const groups = new Map<string, Item[]>()
  for (const item of items) {
    const shape = shapeOf(item).sort().join('\u0000')
    const group = groups.get(shape)
    if (group === undefined) groups.set(shape, [item])
    else group.push(item)
  }
  return [...groups.values()]
}
