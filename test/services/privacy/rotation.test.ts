import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readdirSync } from 'node:fs'
import t, { type Test } from 'tap'
import { createFileKeyProvider } from '../../../infra/crypto/file-key-provider.ts'
import { openKeyRing } from '../../../infra/crypto/key-ring.ts'
import { createKeyRotation } from '../../../infra/crypto/key-rotation.ts'
import type { KeyTables } from '../../../infra/crypto/key-tables.ts'
import { createSecretStore } from '../../../infra/crypto/secret-store.ts'
import { createTenantKeys } from '../../../infra/crypto/tenant-keys.ts'
import { nodeArguments } from '../../../infra/node-program.ts'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import { carryOutRotation } from '../../../services/privacy/rotation.ts'
import { rotationRoutes } from '../../../services/privacy/rotation-routes.ts'
import { testApp } from '../../support/app.ts'
import { all } from '../../support/event-store-contract/scene.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { exitOf } from '../../support/program.ts'
import { sealing } from '../../support/sealing.ts'
import { waitFor } from '../../support/wait-for.ts'

const PROCESS = import.meta.resolve('../../support/rotation-process.ts')
const never = new AbortController().signal
const now = () => new Date()

/** Two tenants with secrets, persons and what events say of them. */
async function encrypted(t: Test, persons: number) {
  const { store: log, pool, appUrl } = await freshPostgresStore(t)
  const db = createReadDatabase<KeyTables>(pool)
  const directory = t.testdir()
  const keys = await openKeyRing(db, directory)
  const { inject } = await testApp(t, rotationRoutes({ store: log, rotation: keys.rotation, now }))
  const people = Array.from({ length: persons }, () => randomUUID())
  const installation = randomUUID()
  const secrets = createSecretStore({ db, tenantKeys: keys.tenantKeys })
  for (const tenantId of ['acme', 'beta']) {
    for (let at = 0; at < 12; at++)
      await secrets.put(tenantId, installation, `S${at}`, `value ${at}`)
    await Promise.all(people.map((each) => keys.subjectKeys.forSealing(tenantId, each)))
  }
  const [first = ''] = people
  const event = {
    ...{ id: randomUUID(), type: 'ApiKeyIssued' },
    data: {
      ...{ keyId: 'a1', subjectId: first, name: 'laptop', scopes: ['audit:read'] },
      ...{ secretHash: 'ff', issuedAt: now().toISOString() },
    },
  }
  const context = { tenantId: 'acme', actorId: 'a', correlationId: 'c', causationId: 'c' }
  await sealing(log, keys).append('apikey-acme.a1', [event], 'any', context)

  /** As a process that starts now sees it. */
  async function read() {
    const ring = await openKeyRing(db, directory)
    const [issued] = await all(sealing(log, ring).readStream('apikey-acme.a1'))
    const revealed = createSecretStore({ db, tenantKeys: ring.tenantKeys })
    return { name: issued?.data.name, secrets: await revealed.reveal('beta', installation) }
  }
  const rotate = () => carryOutRotation({ store: log, rotation: keys.rotation, now }, never)
  const operator = { tenantId: 'default' }
  const start = () => inject({ method: 'POST', url: '/v1/privacy/key-rotations' }, operator)
  const latest = () => inject({ url: '/v1/privacy/key-rotations/latest' }, operator)
  return { log, pool, appUrl, directory, keys, people, read, rotate, start, latest, inject }
}

const everything = {
  name: 'laptop',
  secrets: Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`S${at}`, `value ${at}`])),
}
const none = { tenantKeys: 0, subjectKeys: 0, secrets: 0 }

t.test('every key becomes another, and everything reads as before, old and new', async (t) => {
  const { log, pool, directory, read, rotate, start, latest, keys, people, inject } =
    await encrypted(t, 30)
  t.equal((await latest()).json().code, 'never-rotated')
  const refused = await inject({ method: 'POST', url: '/v1/privacy/key-rotations' })
  t.same([refused.statusCode, refused.json().code], [403, 'operator-only'])
  const started = await start()
  t.match([started.statusCode, started.json()], [202, { status: 'running' }])
  t.equal((await start()).json().rotationId, started.json().rotationId, 'one at a time')
  await keys.subjectKeys.destroy('acme', people[1] ?? '')
  const before = await pool.query('select box from ops.secrets order by 1')
  await rotate()
  t.match((await latest()).json(), { status: 'completed', remaining: none })
  t.same(await read(), everything)
  const { rows } = await pool.query(
    'select count(distinct root_key_id)::int as roots, count(*)::int as keys from ops.tenant_keys',
  )
  t.same(rows, [{ roots: 1, keys: 4 }])
  const after = await pool.query('select box from ops.secrets order by 1')
  t.notOk(after.rows.some(({ box }) => before.rows.some((row) => row.box.equals(box))))
  const gone = await pool.query('select from ops.subject_keys where wrapped is null')
  t.equal(gone.rowCount, 1, 'what was destroyed is not made again')
  for (const tenant of ['acme', 'beta'])
    t.match(await all(log.readStream(`datakeys-${tenant}.datakeys`)), [
      { type: 'DataKeyRotated', tenantId: tenant, data: { rotationId: started.json().rotationId } },
    ])
  await rotate()
  t.equal((await all(log.readStream('datakeys-acme.datakeys'))).length, 1, 'nothing is owed')

  t.same(readdirSync(directory).sort(), ['secret-key', 'secret-key.2'], 'one step back stays')
  await start()
  await rotate()
  t.same(readdirSync(directory).sort(), ['secret-key.2', 'secret-key.3'])
  t.equal((await pool.query('select from ops.tenant_keys')).rowCount, 4, 'unused ones are gone')
  t.same(await read(), everything)
})

t.test('a rotation that is killed goes on, and makes no key twice', async (t) => {
  const { log, pool, appUrl, directory, read, rotate, start, latest } = await encrypted(t, 150)
  await start()
  const left = () => latest().then((answer) => answer.json().remaining.subjectKeys as number)
  const before = await left()
  const child = spawn(process.execPath, nodeArguments(PROCESS, appUrl, directory), {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  await waitFor('some keys to be changed', async () => (await left()) !== before, 30_000)
  child.kill('SIGKILL')
  t.match(await exitOf(child), { signal: 'SIGKILL' })
  t.same(await read(), everything, 'in the middle of it')
  t.match((await latest()).json(), { status: 'running' })
  await rotate()
  t.match((await latest()).json(), { status: 'completed', remaining: none })
  t.same(await read(), everything)
  const { rows } = await pool.query(
    `select tenant_id, max(generation) as keys from ops.tenant_keys group by 1 order by 1`,
  )
  t.same(rows, [
    { tenant_id: 'acme', keys: 2 },
    { tenant_id: 'beta', keys: 2 },
  ])
  t.same(readdirSync(directory).sort(), ['secret-key', 'secret-key.2'])
  const types = (await all(log.readStream('keyrotation-default.keyrotation'))).map((e) => e.type)
  t.same(types, ['KeyRotationStarted', 'KeyRotationCompleted'])
})

t.test('what is written and erased meanwhile is neither lost nor brought back', async (t) => {
  const { pool, read, rotate, start, keys, people } = await encrypted(t, 60)
  await start()
  const rotating = rotate()
  const erased = people.slice(30, 55)
  const written = Array.from({ length: 25 }, () => randomUUID())
  for (const [at, each] of erased.entries()) {
    await keys.subjectKeys.destroy('acme', each)
    await keys.subjectKeys.forSealing('acme', written[at] ?? '')
  }
  await rotating
  t.same(await read(), everything)
  const { rows } = await pool.query(
    'select subject_id from ops.subject_keys where wrapped is null order by 1',
  )
  t.same(
    rows.map(({ subject_id }) => subject_id),
    [...erased].sort(),
  )
  await start()
  await rotate()
  t.equal((await keys.rotation.remaining()).subjectKeys, 0)
})

t.test('who is erased between the reading of a key and its exchange stays erased', async (t) => {
  const { log, pool, directory, start, keys, people } = await encrypted(t, 3)
  const db = createReadDatabase<KeyTables>(pool)
  const provider = createFileKeyProvider(directory)
  const tenantKeys = createTenantKeys(db, provider)
  const [erased = ''] = people
  let isErased = false
  const erasing: typeof tenantKeys = {
    ...tenantKeys,
    // First asked for when the rows have been read, to open what they hold.
    async byId(tenantId, keyId) {
      if (!isErased) await keys.subjectKeys.destroy('acme', erased)
      isErased = true
      return await tenantKeys.byId(tenantId, keyId)
    },
  }
  await start()
  const rotation = createKeyRotation({ db, provider, tenantKeys: erasing })
  await carryOutRotation({ store: log, rotation, now }, never)
  const { rows } = await pool.query(
    'select subject_id from ops.subject_keys where tenant_id = $1 and wrapped is null',
    ['acme'],
  )
  t.same(rows, [{ subject_id: erased }])
})
