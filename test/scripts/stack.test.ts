import { connect } from 'nats'
import pg from 'pg'
import t from 'tap'
import { emptyDatabase, freshDatabase } from '../support/database.ts'
import { freshNats } from '../support/nats.ts'
import { waitFor } from '../support/wait-for.ts'

t.test('an empty database belongs to an owner who is no superuser', async (t) => {
  const { ownerUrl } = await emptyDatabase(t)
  const client = new pg.Client({ connectionString: ownerUrl })
  await client.connect()
  const { rows } = await client.query(`select current_setting('is_superuser') as superuser`)
  t.equal(rows[0].superuser, 'off')
  await client.query('create extension pg_trgm')
  await client.end()
})

t.test('a fresh database is migrated, and the application may not rewrite its log', async (t) => {
  const { appUrl } = await freshDatabase(t)
  const client = new pg.Client({ connectionString: appUrl })
  await client.connect()
  const { rows } = await client.query(
    `select relname from pg_class where relnamespace = 'log'::regnamespace and relkind = 'r'`,
  )
  t.not(rows.length, 0)
  for (const { relname } of rows)
    await t.rejects(client.query(`truncate log.${relname}`), { code: '42501' })
  await client.end()
})

t.test('a NATS server of a test survives a restart and forgets when wiped', async (t) => {
  const nats = await freshNats(t)
  const streams = async () => {
    const connection = await connect({ servers: nats.url })
    try {
      const manager = await connection.jetstreamManager()
      return (await manager.streams.list().next()).map(({ config }) => config.name)
    } finally {
      await connection.close()
    }
  }
  const connection = await connect({ servers: nats.url, reconnect: false })
  await (await connection.jetstreamManager()).streams.add({ name: 'KEPT', subjects: ['kept'] })
  await nats.kill()
  await waitFor('the connection to break', () => connection.isClosed())
  await nats.restart()
  t.same(await streams(), ['KEPT'])
  await nats.wipe()
  t.same(await streams(), [])
})
