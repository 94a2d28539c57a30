import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { sql } from 'kysely'
import t from 'tap'
import { createPool, createReadDatabase } from '../../../infra/postgres/pool.ts'
import { carryOut } from '../../../projections/kernel/carry-out.ts'
import { type Column, readColumns } from '../../../projections/kernel/columns.ts'
import { foldChanges } from '../../../projections/kernel/fold.ts'
import { createPlainFold } from '../../../projections/kernel/plain-fold.ts'
import type { AnyChange, Row } from '../../../projections/kernel/read-model.ts'
import { statements } from '../../../projections/kernel/statements.ts'
import { emptyDatabase } from '../../support/database.ts'

const KEY = ['tenant_id', 'id'] as const
const keys = { folded: KEY, single: KEY }

const database = await emptyDatabase(t)
const db = createReadDatabase(createPool(database.ownerUrl, { searchPath: ['public'] }))
t.teardown(() => db.destroy())
for (const table of Object.keys(keys))
  await sql`create table ${sql.table(table)} (
    tenant_id text, id integer, hits bigint not null, seconds integer, label text,
    tags text[], doc jsonb, at timestamptz, small text generated always as (lower(label)) stored,
    primary key (tenant_id, id))`.execute(db)
const columns = await readColumns(db, 'public', Object.keys(keys))

const text = fc.string({ unit: 'binary', maxLength: 5 })
const at = fc.record({
  tenant_id: fc.constantFrom('acme', 'beta'),
  id: fc.integer({ min: 1, max: 3 }),
})
const count = fc.integer({ min: -5, max: 5 })
const values = fc.record(
  {
    hits: count,
    seconds: fc.option(count),
    label: fc.option(text),
    tags: fc.option(fc.array(text, { maxLength: 2 })),
    doc: fc.option(fc.jsonValue({ maxDepth: 1 })),
    at: fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }),
  },
  { requiredKeys: [] },
)
const table = 'folded'
const change: fc.Arbitrary<AnyChange> = fc.oneof(
  fc.tuple(at, values).map(([at, row]) => ({ table, put: { ...row, ...at } })),
  fc.tuple(at, values).map(([at, patch]) => ({ table, at, patch })),
  fc.record({ table: fc.constant(table), remove: at }),
  fc.record({
    table: fc.constant(table),
    at,
    add: fc.record({ hits: count, seconds: count }, { requiredKeys: [] }),
  }),
  fc.record({
    table: fc.constant(table),
    where: fc.record({ tenant_id: fc.constantFrom('acme', 'beta'), seconds: count }),
    patch: fc.record({ label: fc.option(text), tags: fc.constantFrom(['x'], null) }),
  }),
)

async function apply(changes: readonly AnyChange[], to: keyof typeof keys): Promise<void> {
  const own = changes.map((change) => ({ ...change, table: to }))
  for (const statement of carryOut(keys, columns, own)) await statement.execute(db)
}

async function rows(name: string): Promise<unknown[]> {
  const found = await sql<{ row: unknown }>`
    select to_jsonb(r) as row from ${sql.table(name)} r order by tenant_id, id`.execute(db)
  return found.rows.map(({ row }) => row)
}

/** What the rows would look like had they been stored. */
async function stored(plain: Iterable<Row>): Promise<unknown[]> {
  const value = ({ name, counts }: Column) =>
    counts ? sql`coalesce(${sql.ref(name)}, 0) as ${sql.ref(name)}` : sql.ref(name)
  const json = JSON.stringify([...plain]).replaceAll('\\u0000', '\ufffd')
  const found = await sql<{ row: unknown }>`
    select to_jsonb(r) as row from (
      select ${sql.join((columns.get(table) ?? []).map(value))}, lower(label) as small
      from json_populate_recordset(null::${sql.table(table)}, ${json}::json)
      order by tenant_id, id) r`.execute(db)
  return found.rows.map(({ row }) => row)
}

t.test('a batch leaves the rows that its changes leave one after the other', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(change, { maxLength: 12 }), { maxLength: 3 }),
      async (batches) => {
        await sql`truncate folded, single`.execute(db)
        const plain = createPlainFold(keys)
        for (const batch of batches) {
          await apply(batch, 'folded')
          for (const each of batch) await apply([each], 'single')
          plain.apply(batch)
        }
        const folded = await rows('folded')
        deepStrictEqual(folded, await rows('single'))
        deepStrictEqual(folded, await stored(plain.tables.get(table)?.values() ?? []))
      },
    ),
    { numRuns: 150 },
  )
})

const row = { tenant_id: 'acme', id: 1 }

t.test('a batch costs one statement a table, however many rows it changes', async (t) => {
  const puts = Array.from({ length: 5_000 }, (_, id) => ({ table, put: { ...row, id, hits: id } }))
  const folded = foldChanges(keys, puts).get(table)
  const target = { table, key: KEY, columns: columns.get(table) ?? [] }
  t.equal(folded && statements(target, folded).length, 1)
})

t.test('rows too large for one statement are spread over several', async (t) => {
  const label = 'x'.repeat(1_000_000)
  const puts = Array.from({ length: 40 }, (_, id) => ({ table, put: { ...row, id, label } }))
  await sql`truncate folded`.execute(db)
  await apply(puts, 'folded')
  t.equal((await rows('folded')).length, 40)
})

t.test('binary values and big integers are stored as they are', async (t) => {
  await sql`create table bytes (tenant_id text, id integer, body bytea, size bigint, primary key (tenant_id, id))`.execute(
    db,
  )
  const put = { ...row, body: new Uint8Array([0, 255]), size: 2n ** 62n }
  const found = await readColumns(db, 'public', ['bytes'])
  const target = { table: 'bytes', key: KEY, columns: found.get('bytes') ?? [] }
  const folded = foldChanges({ bytes: KEY }, [{ table: 'bytes', put }]).get('bytes')
  for (const statement of folded ? statements(target, folded) : []) await statement.execute(db)
  const { rows } = await sql<Row>`select body, size from bytes`.execute(db)
  t.strictSame(rows, [{ body: Buffer.from([0, 255]), size: 2n ** 62n }])
})

t.test('a change that does not fit its table is refused', async (t) => {
  const refuse = (change: AnyChange, message: RegExp) =>
    t.rejects(apply([change], 'folded'), { name: 'RangeError', message })
  await refuse({ table, put: { id: 1 } }, /no tenant_id/)
  await refuse({ table, remove: { tenant_id: 'acme' } }, /exactly tenant_id, id/)
  await refuse({ table, at: row, patch: { id: 2 } }, /part of the key/)
  await refuse({ table, at: row, add: { hits: 0.5 } }, /exact integers/)
  await refuse({ table, at: row, patch: { nothing: 1 } }, /no column nothing/)
  await refuse({ table, where: { hits: 1 }, patch: { id: 2 } }, /part of the key/)
  await refuse({ table, where: { nothing: 1 }, patch: { hits: 2 } }, /no column nothing/)
  await refuse({ table, where: {}, patch: { hits: 2 } }, /of which rows/)
  await refuse({ table, put: { ...row, nothing: 1 } }, /no column nothing/)
  t.throws(() => foldChanges(keys, [{ table: 'other', put: row }]), { name: 'RangeError' })
})
