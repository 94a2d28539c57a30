import t from 'tap'
import { createPool, createReadDatabase } from '../../../infra/postgres/pool.ts'
import { freshDatabase } from '../../support/database.ts'

t.test('int8 is a bigint, exact', async (t) => {
  const { appUrl } = await freshDatabase(t)
  const pool = createPool(appUrl)
  t.teardown(() => pool.end())
  const counted = await pool.query('select 9223372036854775807::bigint as big, 7::int as small')
  t.same(counted.rows, [{ big: 9223372036854775807n, small: 7 }])
})

t.test('unqualified names are looked up in the search path', async (t) => {
  const { appUrl } = await freshDatabase(t)
  for (const [searchPath, schema] of [
    [undefined, 'read'],
    [['scratch', 'public'], 'scratch'],
  ] as const) {
    const pool = createPool(appUrl, searchPath === undefined ? {} : { searchPath })
    await pool.query(`create schema if not exists ${schema}; create table marks (mark int)`)
    const db = createReadDatabase<{ marks: { mark: number } }>(pool)
    await db.insertInto('marks').values({ mark: 1 }).execute()
    t.same((await pool.query(`select mark from ${schema}.marks`)).rows, [{ mark: 1 }])
    await db.destroy()
  }
})

t.test('options of the address count too', async (t) => {
  const { appUrl } = await freshDatabase(t)
  const pool = createPool(`${appUrl}?options=${encodeURIComponent('-c statement_timeout=1234')}`)
  t.teardown(() => pool.end())
  const { rows } = await pool.query(
    `select current_setting('statement_timeout') as timeout, current_setting('search_path') as path`,
  )
  t.same(rows, [{ timeout: '1234ms', path: 'read,public' }])
})

t.test('a search path is made of plain names only', async (t) => {
  for (const schema of ['a b', 'a,b', '"a"', '', 'a;drop'])
    t.throws(() => createPool('postgres://127.0.0.1:1/x', { searchPath: [schema] }), RangeError)
})

t.test('an idle connection that the server ends does no harm', async (t) => {
  const { appUrl } = await freshDatabase(t)
  const pool = createPool(appUrl, { max: 2 })
  t.teardown(() => pool.end())
  const [one, two] = [await pool.connect(), await pool.connect()]
  const { rows } = await one.query('select pg_backend_pid() as pid')
  const removed = new Promise((resolve) => pool.once('remove', resolve))
  one.release()
  await two.query('select pg_terminate_backend($1)', [rows[0].pid])
  await removed
  two.release()
  t.match((await pool.query('select 1 as one')).rows, [{ one: 1 }])
})
