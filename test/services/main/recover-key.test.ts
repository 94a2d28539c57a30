import { readdirSync, readFileSync, statSync } from 'node:fs'
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
import { recoverApiKey } from '../../../services/main/recover-key.ts'
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

t.test('whoever has the machine gets a key that may do everything', async (t) => {
  const { code, stdout, stderr } = await tidemark(['keys', 'recover', '--json'], environment)
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
})

t.test('without the machine, or for nobody, there is a sentence and no key', async (t) => {
  const elsewhere = t.testdir({})
  const refused = (given: NodeJS.ProcessEnv, tenant: string, exitCode: number, message: RegExp) =>
    t.rejects(recoverApiKey(given, tenant), { name: 'CliError', exitCode, message })
  const foreign = { ...environment, DATA_DIR: elsewhere }
  await refused(foreign, 'default', 4, /^No Tidemark has run on .*: set DATA_DIR/)
  await refused({ DATA_DIR: elsewhere }, 'default', 2, /^DATABASE_URL is not set/)
  for (const tenant of ['nobody', 'No Tenant'])
    await refused(environment, tenant, 3, new RegExp(`^There is no tenant "${tenant}"`))
  const kept = readdirSync(dataDirectory).filter((name) => name.startsWith('api-key-'))
  t.equal(kept.length, 1, 'the one that was issued')
  const { stderr } = await tidemark(['keys', 'recover'], { DATA_DIR: elsewhere })
  t.match(stderr, /^DATABASE_URL is not set/)
})
