import { type Kysely, sql } from 'kysely'
import type { AnyReadModel } from '../../projections/kernel/read-model.ts'

const EXAMPLES = 5

export type Difference = {
  /** The row's key. */
  readonly key: Readonly<Record<string, unknown>>
  /** `missing`: only the rebuilt row is there. `extra`: only the live one is. */
  readonly kind: 'missing' | 'extra' | 'different'
}

export type TableComparison = {
  readonly table: string
  /** Rows that the rebuilt table has. */
  readonly rows: number
  readonly differences: number
  /** The first few, by key. */
  readonly examples: readonly Difference[]
}

/** Compares the tables of a read model in two schemas, row by row and column by column. */
export async function compareSchemas(
  db: Kysely<unknown>,
  { live, rebuilt }: { readonly live: string; readonly rebuilt: string },
  model: AnyReadModel,
): Promise<TableComparison[]> {
  const comparisons: TableComparison[] = []
  for (const [table, key] of Object.entries(model.keys)) {
    const left = sql.table(`${live}.${table}`)
    const right = sql.table(`${rebuilt}.${table}`)
    const columns = sql.join(key.map((name) => sql.ref(name)))
    const { rows } = await sql<Difference & { total: string }>`
      select
        json_build_object(${sql.join(key.flatMap((name) => [sql.lit(name), sql.ref(name)]))}) as key,
        case when l is null then 'missing' when r is null then 'extra' else 'different' end as kind,
        (count(*) over ())::text as total
      from (select ${columns}, to_jsonb(t) as l from ${left} t) l
        full join (select ${columns}, to_jsonb(t) as r from ${right} t) r using (${columns})
      where l is distinct from r
      order by ${columns} limit ${EXAMPLES}`.execute(db)
    const counted = await sql<{ rows: string }>`
      select count(*)::text as rows from ${right}`.execute(db)
    comparisons.push({
      table,
      rows: Number(counted.rows[0]?.rows ?? 0),
      differences: Number(rows[0]?.total ?? 0),
      examples: rows.map(({ key: found, kind }) => ({ key: found, kind })),
    })
  }
  return comparisons
}
