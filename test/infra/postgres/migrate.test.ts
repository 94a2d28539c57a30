import pg from 'pg'
import t from 'tap'
import { migrate } from '../../../infra/postgres/migrate.ts'
import { emptyDatabase, freshDatabase } from '../../support/database.ts'

async function connect(
  t: { teardown: (end: () => Promise<void>) => void },
  url: string,
): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  t.teardown(() => client.end())
  return client
}

async function tablesOf(client: pg.Client, schema: string): Promise<string[]> {
  const { rows } = await client.query(
    'select table_name from information_schema.tables where table_schema = $1 order by 1',
    [schema],
  )
  return rows.map(({ table_name }) => table_name)
}

t.test('programs that start together migrate once', async (t) => {
  const { ownerUrl } = await emptyDatabase(t)
  await Promise.all([migrate({ ownerUrl }), migrate({ ownerUrl }), migrate({ ownerUrl })])
  const owner = await connect(t, ownerUrl)
  t.match(await tablesOf(owner, 'log'), ['events'])
  const { rows } = await owner.query(
    'select count(*)::int as runs, count(distinct name)::int as names from ops.migrations',
  )
  t.equal(rows[0].runs, rows[0].names)
})

t.test('the owner may be the application', async (t) => {
  const { ownerUrl } = await emptyDatabase(t)
  await migrate({ ownerUrl, appRole: new URL(ownerUrl).username })
  const owner = await connect(t, ownerUrl)
  t.ok((await tablesOf(owner, 'read')).includes('migrations'))
})

t.test('a failing migration is named and stays undone', async (t) => {
  const { ownerUrl } = await emptyDatabase(t)
  const owner = await connect(t, ownerUrl)
  await owner.query('create schema log; create table log.events (in_the_way int)')
  await t.rejects(migrate({ ownerUrl }), { message: /0001_event_log failed.*already exists/ })
  await owner.query('drop table log.events')
  await migrate({ ownerUrl })
  t.match(await tablesOf(owner, 'log'), ['events'])
})

t.test('no role changes the past', async (t) => {
  const { ownerUrl, appUrl } = await freshDatabase(t)
  const app = await connect(t, appUrl)
  const owner = await connect(t, ownerUrl)
  await app.query(
    `insert into log.events (position, tenant_id, stream, revision, id, type, data, metadata)
     values (1, 'acme', 'a-acme.1', 0, gen_random_uuid(), 'X', '{}', '{}')`,
  )
  const changes = [
    `update log.events set data = '{"forged":true}'`,
    'update log.events set data = data where false',
    'delete from log.events',
    'truncate log.events',
  ]
  for (const change of changes) {
    await t.rejects(app.query(change), { code: '42501' }, `app: ${change}`)
    await t.rejects(owner.query(change), { message: /append-only/ }, `owner: ${change}`)
  }
  await t.rejects(app.query('alter table log.events disable trigger all'), { code: '42501' })
  await t.rejects(app.query('drop table log.events'), { code: '42501' })
  t.equal((await app.query('select data from log.events')).rows[0].data, '{}')
})

t.test(
  "the read models' tables are there a second time, empty and not for the application",
  async (t) => {
    const { appUrl } = await freshDatabase(t)
    const app = await connect(t, appUrl)
    t.same(await tablesOf(app, 'shape'), await tablesOf(app, 'read'))
    await t.rejects(app.query(`delete from shape.checkpoints`), { code: '42501' })
  },
)

t.test('the application can put back a table of a read model, and no other', async (t) => {
  const { ownerUrl, appUrl } = await freshDatabase(t)
  const app = await connect(t, appUrl)
  const owner = await connect(t, ownerUrl)
  const ownerOf = async () =>
    (
      await app.query(
        `select tableowner from pg_tables where schemaname = 'read' and tablename = 'tenants'`,
      )
    ).rows
  const before = await ownerOf()
  await owner.query('drop table read.tenants')
  await app.query(`select ops.restore_table('tenants')`)
  t.same(await ownerOf(), before, 'the next migration can change it')
  await app.query('delete from read.tenants')
  await t.rejects(app.query(`select ops.restore_table('events')`), { code: '42P01' })
})
