import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { SCOPES } from '../../../domain/identity/scopes.ts'
import { createApiKeys } from '../../../infra/crypto/api-key.ts'
import { openKeyRing } from '../../../infra/crypto/key-ring.ts'
import { keepPepper } from '../../../infra/crypto/secret-file.ts'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import { apiKeys as keyRows } from '../../../projections/identity/api-keys.ts'
import { tenants } from '../../../projections/identity/tenants.ts'
import type { Tables } from '../../../projections/read-models.ts'
import { createAuthenticator } from '../../../services/identity/authenticator.ts'
import { bootstrap } from '../../../services/identity/bootstrap.ts'
import { tidemark } from '../../support/cli.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { projected } from '../../support/projected.ts'
import { sealing } from '../../support/sealing.ts'

const now = () => new Date()
const { store: log, pool, appUrl } = await freshPostgresStore(t)
const dataDirectory = t.testdir({})
const store = sealing(log, await openKeyRing(createReadDatabase(pool), dataDirectory))
const freshness = projected(t, store, pool, [keyRows, tenants])
const apiKeys = createApiKeys(await keepPepper(dataDirectory))
let first = ''
const showFirstKey = async (create: () => string) => {
  first = create()
  return first
}
await freshness.waitFor(
  await bootstrap({ store, apiKeys, now, showFirstKey, catalogue: 'private' }),
  10_000,
)
const authenticator = createAuthenticator({ db: createReadDatabase<Tables>(pool), apiKeys, now })
const environment = { DATABASE_URL: appUrl, DATA_DIR: dataDirectory }
const recover = (given: NodeJS.ProcessEnv, ...args: string[]) =>
  tidemark(['keys', 'recover', ...args], given)

t.test('whoever has the machine gets a key that may do everything', async (t) => {
  const { code, stdout, stderr } = await recover(environment, '--json')
  t.equal(code, 0, stderr)
  const { keyId, file, inEffect } = JSON.parse(stdout)
  t.equal(inEffect, true)
  t.equal(path.dirname(file), dataDirectory)
  t.equal(statSync(file).mode & 0o777, 0o600)
  const key = readFileSync(file, 'utf8').trim()
  t.notMatch(stdout, key)
  t.same((await authenticator.byKey(key))?.scopes, SCOPES)
  t.same((await authenticator.byKey(first))?.scopes, SCOPES, 'no key is revoked')
  const issued = []
  for await (const event of store.readAll({ types: ['ApiKeyIssued'] })) issued.push(event)
  t.match(issued.at(-1), {
    tenantId: 'default',
    actorId: 'operator:recovery',
    data: { keyId, name: 'recovery key' },
  })
  t.match((await recover(environment)).stdout, /--key-file .*api-key-[0-9a-f]{16}\n$/)
})

t.test('without the machine, or for nobody, there is a sentence and no key', async (t) => {
  const elsewhere = t.testdir({})
  t.match(await recover({ ...environment, DATA_DIR: elsewhere }), {
    code: 4,
    stderr: `No Tidemark has run on ${elsewhere}: set DATA_DIR to the directory that it uses.\n`,
  })
  t.match(await recover({ DATA_DIR: elsewhere }), { code: 2, stderr: /^DATABASE_URL is not set/ })
  for (const tenant of ['nobody', 'No Tenant'])
    t.match(await recover(environment, '--tenant', tenant), {
      code: 3,
      stderr: `There is no tenant "${tenant}".\n`,
    })
})
