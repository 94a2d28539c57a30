import fc from 'fast-check'
import pg from 'pg'
import t from 'tap'
import {
  int8Array,
  textArray,
  uuidArray,
} from '../../../../infra/eventstore/postgres/binary-array.ts'
import { emptyDatabase } from '../../../support/database.ts'

t.test('Postgres reads the arrays as they are', async (t) => {
  const { appUrl } = await emptyDatabase(t)
  const client = new pg.Client({ connectionString: appUrl })
  await client.connect()
  t.teardown(() => client.end())

  // `to_json` in the server, so that the client's own array parser has no part in it.
  const read = async (type: string, array: Buffer) => {
    const { rows } = await client.query(`select to_json($1::${type}[])::text as json`, [array])
    return rows[0].json
  }
  const text = fc.string({ unit: 'binary' }).filter((value) => !/\0|\p{Surrogate}/u.test(value))
  await fc.assert(
    fc.asyncProperty(fc.array(text), async (items) => {
      return (
        JSON.stringify(JSON.parse(await read('text', textArray(items)))) === JSON.stringify(items)
      )
    }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
      async (items) => {
        return (await read('bigint', int8Array(items))) === `[${items.join(',')}]`
      },
    ),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uuid()), async (items) => {
      return (
        JSON.stringify(JSON.parse(await read('uuid', uuidArray(items)))) === JSON.stringify(items)
      )
    }),
  )
})
