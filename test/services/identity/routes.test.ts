import t, { type Test } from 'tap'
import { SCOPES, type Scope } from '../../../domain/identity/scopes.ts'
import { createApiKeys } from '../../../infra/crypto/api-key.ts'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import { type ApiKeysTables, apiKeys as keyRows } from '../../../projections/identity/api-keys.ts'
import { type TenantsTables, tenants } from '../../../projections/identity/tenants.ts'
import { createAuthenticator } from '../../../services/identity/authenticator.ts'
import { bootstrap } from '../../../services/identity/bootstrap.ts'
import { identityRoutes } from '../../../services/identity/routes.ts'
import { createHttpApp } from '../../../services/kernel/http-app.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { projected } from '../../support/projected.ts'
import { sealing, testKeys } from '../../support/sealing.ts'

/** Identity as a process has it: log, read models, authentication by the keys that it issues. */
async function identity(t: Test) {
  let clock = Date.now()
  const now = () => new Date(clock)
  const { store: log, pool } = await freshPostgresStore(t)
  const store = sealing(log, await testKeys(t, pool))
  const freshness = projected(t, store, pool, [keyRows, tenants])
  const db = createReadDatabase<ApiKeysTables & TenantsTables>(pool)
  const apiKeys = createApiKeys('pepper')
  let file: string | undefined
  const start = () =>
    bootstrap({
      ...{ store, apiKeys, now },
      showFirstKey: async (create) => {
        file ??= create()
        return file
      },
      catalogue: 'public',
    })
  await freshness.waitFor(await start(), 10_000)
  const app = await createHttpApp({
    authenticator: createAuthenticator({ db, apiKeys, now }),
    ...{ freshness, logger: silent, metrics: noMetrics },
  })
  t.teardown(() => app.close())
  await app.register(identityRoutes({ store, db, apiKeys, freshness, now }))
  app.get('/v0.1/open', { config: { access: 'public-catalogue' } }, async ({ actor }) => actor)
  const first = file ?? ''
  const send = (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    payload?: object,
    key: string | null = first,
  ) =>
    app.inject({
      ...{ method, url },
      ...(payload === undefined ? {} : { payload }),
      headers: key === null ? {} : { authorization: `Bearer ${key}` },
    })
  const issue = async (scopes: readonly Scope[], more: object = {}) =>
    (await send('POST', '/v1/keys', { name: 'k', scopes, ...more })).json()
  const later = (ms: number) => {
    clock += ms
  }
  return { store, pool, first, start, send, issue, later }
}

t.test('the first key may do everything, and every later start leaves all as it is', async (t) => {
  const { store, send, start, first } = await identity(t)
  t.same((await send('GET', '/v1/whoami')).json(), {
    tenantId: 'default',
    actorId: 'key:0000000000000001',
    scopes: [...SCOPES],
  })
  const head = await store.head()
  await Promise.all([start(), start(), start()])
  t.equal(await store.head(), head)
  t.match(first, /^tdm_/)
})

t.test('a new key works with the answer, and can do no more than its issuer', async (t) => {
  const { send, issue } = await identity(t)
  const { key, keyId } = await issue(['keys:write', 'catalogue:read'])
  t.equal((await send('GET', '/v1/whoami', undefined, key)).json().actorId, `key:${keyId}`)
  const more = { name: 'more', scopes: ['audit:read'] }
  const refused = await send('POST', '/v1/keys', more, key)
  t.same([refused.statusCode, refused.json().code], [403, 'scope-not-held'])
  const less = { name: 'less', scopes: ['catalogue:read'] }
  const allowed = await send('POST', '/v1/keys', less, key)
  t.equal(allowed.statusCode, 201)
  const denied = await send('GET', '/v1/keys', undefined, allowed.json().key)
  t.same([denied.statusCode, denied.json().code], [403, 'missing-scope'])
})

t.test('secrets are in the one answer that issues them and nowhere else', async (t) => {
  const { store, send, issue } = await identity(t)
  const { key } = await issue(['catalogue:read'])
  const secret = String(key).slice(22)
  const list = await send('GET', '/v1/keys')
  t.equal(list.json().items.length, 2)
  t.notOk(list.body.includes(secret) || list.body.includes('secretHash'))
  for await (const { raw } of store.readAll()) t.notOk(raw.data.includes(secret))
})

t.test('a revoked key is refused with the answer; revoking again changes nothing', async (t) => {
  const { send, issue, later } = await identity(t)
  const { key, keyId } = await issue(['catalogue:read'])
  t.equal((await send('GET', '/v1/whoami', undefined, key)).statusCode, 200)
  const revoked = await send('DELETE', `/v1/keys/${keyId}`)
  t.equal(revoked.statusCode, 200)
  later(1_000)
  t.equal((await send('GET', '/v1/whoami', undefined, key)).statusCode, 401)
  const again = await send('DELETE', `/v1/keys/${keyId}`)
  t.equal(again.json().position, revoked.json().position)
  const unknown = await send('DELETE', '/v1/keys/ffffffffffffffff')
  t.same([unknown.statusCode, unknown.json().code], [404, 'key-unknown'])
})

t.test('a change that does not count yet is not answered as if it did', async (t) => {
  const { pool, send, issue, later } = await identity(t)
  const { key, keyId } = await issue(['catalogue:read'])
  // The read models are held where they are, as by a projector that is away.
  const holder = await pool.connect()
  await holder.query('begin; lock table read.checkpoints in exclusive mode')
  const revoked = await send('DELETE', `/v1/keys/${keyId}`)
  t.match([revoked.statusCode, revoked.json().inEffect], [202, false])
  later(1_000)
  t.equal((await send('GET', '/v1/whoami', undefined, key)).statusCode, 200, 'it still works')
  const closed = await send('PUT', '/v1/tenant/catalogue-visibility', { visibility: 'private' })
  t.match([closed.statusCode, closed.json().inEffect], [202, false])
  const early = await send('POST', '/v1/keys', { name: 'early', scopes: ['catalogue:read'] })
  t.match([early.statusCode, early.json().inEffect], [201, false])
  t.equal((await send('GET', '/v1/whoami', undefined, early.json().key)).statusCode, 401)

  await holder.query('rollback')
  holder.release()
  const again = await send('DELETE', `/v1/keys/${keyId}`)
  t.match([again.statusCode, again.json().inEffect], [200, true])
  const usual = await send('POST', '/v1/keys', { name: 'usual', scopes: ['catalogue:read'] })
  t.match([usual.statusCode, usual.json().inEffect], [201, true])
  later(1_000)
  t.equal((await send('GET', '/v1/whoami', undefined, key)).statusCode, 401)
})

t.test('a key stops working at the moment when it expires', async (t) => {
  const { send, issue, later } = await identity(t)
  const expiresAt = new Date(Date.now() + 60_000).toISOString()
  const { key } = await issue(['catalogue:read'], { expiresAt })
  t.equal((await send('GET', '/v1/whoami', undefined, key)).statusCode, 200)
  // Also when the clock of the test is some seconds behind the machine's.
  later(120_000)
  t.equal((await send('GET', '/v1/whoami', undefined, key)).statusCode, 401)
})

t.test('keys are listed in pages', async (t) => {
  const { send, issue } = await identity(t)
  for (let i = 0; i < 4; i++) await issue(['catalogue:read'])
  const seen: string[] = []
  let cursor = ''
  do {
    const page = (await send('GET', `/v1/keys?limit=2${cursor}`)).json()
    seen.push(...page.items.map(({ keyId }: { keyId: string }) => keyId))
    cursor = page.nextCursor === undefined ? '' : `&cursor=${page.nextCursor}`
  } while (cursor !== '')
  t.equal(new Set(seen).size, 5)
  for (const bad of [
    'x',
    'WyJhIiwiYiJd',
    'W10',
    Buffer.from('["\\u0000"]').toString('base64url'),
  ]) {
    const answer = await send('GET', `/v1/keys?cursor=${bad}`)
    t.same([answer.statusCode, answer.json().code], [400, 'bad-cursor'], bad)
  }
})

t.test('the public catalogue closes and opens with the answer', async (t) => {
  const { send, later } = await identity(t)
  const open = await send('GET', '/v0.1/open', undefined, null)
  t.match(open.json(), { tenantId: 'default', actorId: 'anonymous', scopes: ['catalogue:read'] })
  await send('PUT', '/v1/tenant/catalogue-visibility', { visibility: 'private' })
  later(1_000)
  t.equal((await send('GET', '/v0.1/open', undefined, null)).statusCode, 401)
  t.equal((await send('GET', '/v0.1/open')).statusCode, 200)
})

t.test('what is asked for wrongly is told', async (t) => {
  const { send } = await identity(t)
  for (const payload of [
    { name: '', scopes: ['catalogue:read'] },
    { name: 'k', scopes: [] },
    { name: 'k', scopes: ['root'] },
    { name: 'k', scopes: ['catalogue:read'], expiresAt: 'tomorrow' },
    { name: 'k', scopes: ['catalogue:read'], tenantId: 'other' },
  ])
    t.equal((await send('POST', '/v1/keys', payload)).statusCode, 422)
  t.equal((await send('DELETE', '/v1/keys/..%2f..')).statusCode, 400)
})
