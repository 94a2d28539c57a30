import { randomUUID } from 'node:crypto'
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import t, { type Test } from 'tap'
import { openKeyRing } from '../../../infra/crypto/key-ring.ts'
import type { KeyTables } from '../../../infra/crypto/key-tables.ts'
import { seal } from '../../../infra/crypto/secret-box.ts'
import { createSecretStore } from '../../../infra/crypto/secret-store.ts'
import { createPool, createReadDatabase } from '../../../infra/postgres/pool.ts'
import { freshDatabase } from '../../support/database.ts'

async function fresh(t: Test) {
  const { appUrl } = await freshDatabase(t)
  const pool = createPool(appUrl)
  t.teardown(() => pool.end())
  const db = createReadDatabase<KeyTables>(pool)
  const directory = t.testdir()
  const file = path.join(directory, 'secret-key')
  return { pool, db, directory, file, open: () => openKeyRing(db, directory) }
}

t.test('programs that start together agree on all keys, in a file for its owner', async (t) => {
  const { file, open } = await fresh(t)
  const rings = await Promise.all([open(), open(), open(), open()])
  const tenant = await Promise.all(rings.map(({ tenantKeys }) => tenantKeys.current('acme')))
  t.equal(new Set(tenant.map(({ key }) => key.toString('hex'))).size, 1)
  const ann = randomUUID()
  const subject = await Promise.all(
    rings.map(({ subjectKeys }) => subjectKeys.forSealing('acme', ann)),
  )
  t.equal(new Set(subject.map(({ key }) => key.toString('hex'))).size, 1)
  t.equal(statSync(file).mode & 0o777, 0o600)
  t.match(readFileSync(file, 'utf8'), /^[0-9a-f]{64}\n$/)
})

t.test('many that need a key at once look for it once', async (t) => {
  const { pool, db, directory } = await fresh(t)
  const ann = randomUUID()
  await (await openKeyRing(db, directory)).subjectKeys.forSealing('acme', ann)
  const { subjectKeys } = await openKeyRing(db, directory)
  let asked = 0
  pool.on('acquire', () => {
    asked += 1
  })
  await Promise.all(Array.from({ length: 20 }, () => subjectKeys.forSealing('acme', ann)))
  t.equal(asked, 2, 'that of the subject, and that of the tenant which opens it')
})

t.test('who asks for a key that is broken, or by no id at all, is alone with that', async (t) => {
  const { db, open } = await fresh(t)
  const { subjectKeys } = await open()
  const [ann, bob] = [randomUUID(), randomUUID()]
  const { keyId } = await subjectKeys.forSealing('acme', ann)
  await subjectKeys.forSealing('acme', bob)
  await db
    .updateTable('ops.subject_keys')
    .set({ wrapped: Buffer.alloc(60) })
    .where('subject_id', '=', bob)
    .execute()
  const wanted = [ann, bob, 'nobody', ann.toUpperCase()]
  const outcomes = await Promise.allSettled(wanted.map((id) => subjectKeys.forSealing('acme', id)))
  t.same(
    outcomes.map((each) => (each.status === 'fulfilled' ? each.value.keyId : each.status)),
    [keyId, 'rejected', 'rejected', keyId],
  )
})

t.test(
  'a missing, wrong or broken root key is one sentence, and none is made instead',
  async (t) => {
    const { file, open } = await fresh(t)
    await (await open()).tenantKeys.current('acme')
    const text = readFileSync(file, 'utf8')
    rmSync(file)
    await t.rejects(open(), {
      name: 'KeyUnavailableError',
      message: /^No secret-key file in \S+ is the key .*put back/,
    })
    t.throws(() => statSync(file), { code: 'ENOENT' })
    writeFileSync(file, `${'0f'.repeat(32)}\n`)
    await t.rejects(open(), {
      message: /No secret-key file in \S+ is the key file:[0-9a-f]{16}, and this/,
    })
    writeFileSync(file, 'abc')
    await t.rejects(open(), { message: /is not a key of 32 bytes/ })
    writeFileSync(file, text)
    await t.resolves(open())
  },
)

t.test('secrets that an earlier program sealed with the file itself are taken along', async (t) => {
  const { pool, db, file, open } = await fresh(t)
  const id = randomUUID()
  const key = Buffer.alloc(32, 15)
  const box = seal(key, Buffer.from('s3cret'), ['acme', id, 'TOKEN'])
  await pool.query(
    `insert into ops.secrets (tenant_id, installation_id, name, box) values ('acme', $1, 'TOKEN', $2)`,
    [id, box],
  )
  await t.rejects(open(), { message: /secret-key is not there/ })
  writeFileSync(file, `${key.toString('hex')}\n`)
  const rings = await Promise.all([open(), open()])
  for (const { tenantKeys } of rings)
    t.same(await createSecretStore({ db, tenantKeys }).reveal('acme', id), { TOKEN: 's3cret' })
})

t.test('a wrapped key that was moved to another owner does not unwrap', async (t) => {
  const { pool, open } = await fresh(t)
  const { tenantKeys, subjectKeys } = await open()
  const [ann, bob] = [randomUUID(), randomUUID()]
  const { keyId } = await subjectKeys.forSealing('acme', ann)
  await tenantKeys.current('beta')
  await pool.query('update ops.subject_keys set subject_id = $1', [bob])
  const again = await open()
  await t.rejects(again.subjectKeys.forOpening([{ tenantId: 'acme', keyId }]))
  await pool.query(`update ops.tenant_keys set tenant_id = 'gamma' where tenant_id = 'beta'`)
  await t.rejects((await open()).tenantKeys.current('gamma'), { name: 'KeyUnavailableError' })
})
