import { randomBytes, randomUUID } from 'node:crypto'
import t from 'tap'
import type { KeyTables } from '../../../infra/crypto/key-tables.ts'
import { open, seal } from '../../../infra/crypto/secret-box.ts'
import { createSecretStore } from '../../../infra/crypto/secret-store.ts'
import { createPool, createReadDatabase } from '../../../infra/postgres/pool.ts'
import { SecretUnreadableError } from '../../../services/ports/secret-store.ts'
import { freshDatabase } from '../../support/database.ts'
import { testKeys } from '../../support/sealing.ts'

const { appUrl } = await freshDatabase(t)
const pool = createPool(appUrl)
t.teardown(() => pool.end())
const db = createReadDatabase<KeyTables>(pool)
const { tenantKeys } = await testKeys(t, pool)
const secrets = createSecretStore({ db, tenantKeys })

t.test('a box opens with its key and its context only', async (t) => {
  const [key, other] = [randomBytes(32), randomBytes(32)]
  const box = seal(key, Buffer.from('value'), ['acme', 'one', 'TOKEN'])
  t.equal(open(key, box, ['acme', 'one', 'TOKEN']).toString(), 'value')
  t.throws(() => open(other, box, ['acme', 'one', 'TOKEN']))
  t.throws(() => open(key, box, ['other', 'one', 'TOKEN']))
  t.throws(() => open(key, box, ['acme', 'oneTOKEN', '']))
  for (const at of [0, 1, 13, box.length - 1]) {
    const changed = Buffer.from(box)
    changed[at] = (changed[at] ?? 0) ^ 1
    t.throws(() => open(key, changed, ['acme', 'one', 'TOKEN']), `byte ${at}`)
  }
  t.throws(() => open(key, box.subarray(0, 20), ['acme', 'one', 'TOKEN']))
})

t.test('values are stored, replaced, revealed to their owner and removed', async (t) => {
  const [one, other] = [randomUUID(), randomUUID()]
  await secrets.put('acme', one, 'TOKEN', 'first')
  await secrets.put('acme', one, 'TOKEN', 'second')
  await secrets.put('acme', one, 'KEY', 'a key')
  await secrets.put('acme', other, 'TOKEN', 'not this')
  await secrets.put('rival', one, 'TOKEN', 'nor this')
  t.same(await secrets.reveal('acme', one), { TOKEN: 'second', KEY: 'a key' })
  await secrets.remove('acme', one, 'KEY')
  await secrets.remove('acme', one, 'never there')
  t.same(await secrets.reveal('acme', one), { TOKEN: 'second' })
  await secrets.removeAll('acme', one)
  t.same(await secrets.reveal('acme', one), {})
  t.same(await secrets.reveal('rival', one), { TOKEN: 'nor this' })
})

t.test('the database does not hold the value', async (t) => {
  const id = randomUUID()
  await secrets.put('acme', id, 'TOKEN', 'canary-5678')
  const { rows } = await pool.query('select box from ops.secrets where installation_id = $1', [id])
  t.notOk(rows[0].box.includes('canary'))
})

t.test('a row that was moved to another owner, or another key, cannot be read', async (t) => {
  const [id, thief] = [randomUUID(), randomUUID()]
  await secrets.put('acme', id, 'TOKEN', 'canary-5678')
  await pool.query('update ops.secrets set installation_id = $1 where installation_id = $2', [
    ...[thief, id],
  ])
  const error = await secrets.reveal('acme', thief).catch((error) => error)
  t.type(error, SecretUnreadableError)
  t.notMatch(String(error.message), 'canary')
  const other = await tenantKeys.succeed('acme', randomUUID())
  await pool.query(
    'update ops.secrets set installation_id = $1, tenant_key_id = $2 where installation_id = $3',
    [id, other.keyId, thief],
  )
  await t.rejects(secrets.reveal('acme', id), SecretUnreadableError)
})
