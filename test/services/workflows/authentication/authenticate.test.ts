import { createHash } from 'node:crypto'
import t from 'tap'
import type { Json } from '../../../../domain/kernel/json.ts'
import type { Credentials } from '../../../../domain/workflows/credentials.ts'
import type { KeyTables } from '../../../../infra/crypto/key-tables.ts'
import { createSecretStore } from '../../../../infra/crypto/secret-store.ts'
import { createReadDatabase } from '../../../../infra/postgres/pool.ts'
import { createOutgoingCalls } from '../../../../infra/workflows/http-call.ts'
import { createAuthenticate } from '../../../../services/workflows/authentication/authenticate.ts'
import { CallFault, type CallMembers } from '../../../../services/workflows/calls/call.ts'
import { WorkflowSecrets } from '../../../../services/workflows/secrets.ts'
import { json, startOther } from '../../../support/other-system.ts'
import { freshPostgresStore } from '../../../support/postgres-store.ts'
import { testKeys } from '../../../support/sealing.ts'

const TYPES = 'https://serverlessworkflow.io/spec/1.0.0/errors/'
const refusal = (kind: string, status: number) => ({ error: { type: TYPES + kind, status } })
const FORBIDDEN = refusal('authorization', 403)
const signal = new AbortController().signal

t.test('what calls authenticate with', async (t) => {
  const { store: events, pool } = await freshPostgresStore(t)
  const { tenantKeys } = await testKeys(t, pool)
  const clock = { aheadMs: 0 }
  const now = () => new Date(Date.now() + clock.aheadMs)
  const values = createSecretStore({ db: createReadDatabase<KeyTables>(pool), tenantKeys })
  const secrets = new WorkflowSecrets({ events, secrets: values, now })
  const authenticate = createAuthenticate(secrets, now)
  const outgoing = createOutgoingCalls({ allowPrivate: true })
  t.teardown(async () => outgoing[Symbol.asyncDispose]())
  const api = await startOther(t)
  const issuer = await startOther(t)
  const [apiElsewhere, issuerElsewhere] = [api, issuer].map(({ base }) =>
    base.replace('127.0.0.1', 'localhost'),
  )

  const contextOf = (tenantId: string) => ({
    tenantId,
    actorId: 'key:a',
    correlationId: 'c',
    causationId: 'c',
  })
  const keep = (name: string, value: Json, origins = [api.base, issuer.base], tenant = 'acme') =>
    secrets.store(
      contextOf(tenant),
      name,
      typeof value === 'string' ? value : JSON.stringify(value),
      origins,
    )
  /** @returns the answer's status and body, or the outcome of what was refused. */
  async function call(authentication: Credentials, url = `${api.base}/me`, tenantId = 'acme') {
    const request = { method: 'GET', url, headers: {}, body: undefined, maxBytes: 10_000 }
    try {
      const answer = await authenticate(tenantId, authentication, request, (each) =>
        outgoing.call(each, signal),
      )
      return { status: answer.status, body: Buffer.from(answer.body).toString('utf8') }
    } catch (error) {
      if (error instanceof CallFault) return error.outcome
      throw error
    }
  }
  const sent = () => api.got.at(-1)?.headers.authorization
  const asked = () => issuer.got.length
  const form = () => Object.fromEntries(new URLSearchParams(issuer.got.at(-1)?.body))
  const policy = (more: CallMembers = {}) => ({
    authority: issuer.base,
    grant: 'client_credentials',
    client: { id: 'app', secret: '${ $secrets.client }' },
    ...more,
  })
  const oauth = (more?: CallMembers): Credentials => ({ scheme: 'oauth2', members: policy(more) })

  let tokens = 0
  issuer.answers.set('/oauth2/token', (response) =>
    json(response, { access_token: `token-${++tokens}`, token_type: 'Bearer', expires_in: 600 }),
  )
  api.answers.set('/me', (response, { headers }) =>
    response.writeHead(200, { 'x-sent': headers.authorization }).end(headers.authorization),
  )
  t.beforeEach(() => keep('client', `open-sesame-${tokens}`))

  await t.test('a token is asked for once, and sent until shortly before it ends', async (t) => {
    const before = asked()
    t.same(await call(oauth()), { status: 200, body: 'Bearer [secret]' })
    t.match(form(), { client_id: 'app', client_secret: /^open-sesame/ })
    const first = sent()
    t.match(first, /^Bearer token-\d+$/)
    await call(oauth())
    t.equal(sent(), first)
    t.equal(asked(), before + 1)
    clock.aheadMs += 545_000
    await Promise.all([1, 2, 3].map(() => call(oauth())))
    t.not(sent(), first)
    t.equal(asked(), before + 2, 'of several at once one asks')
  })

  await t.test('another policy, tenant or value of the secret is another token', async (t) => {
    await call(oauth())
    const first = sent()
    await call(oauth({ scopes: ['other'] }))
    t.not(sent(), first)
    await keep('client', 'another-secret')
    await call(oauth())
    t.not(sent(), first)
    t.match(form(), { client_secret: 'another-secret' })
    const second = sent()
    t.match(await call(oauth(), undefined, 'other'), refusal('authentication', 401))
    await keep('client', 'another-secret', undefined, 'other')
    await call(oauth(), undefined, 'other')
    t.not(sent(), second)
    await secrets.remove(contextOf('acme'), 'client')
    const before = api.got.length
    t.match(await call(oauth()), refusal('authentication', 401))
    t.equal(api.got.length, before)
  })

  await t.test('nothing goes where a secret is not for', async (t) => {
    const before = [api.got.length, asked()]
    t.match(await call(oauth(), `${apiElsewhere}/me`), FORBIDDEN)
    t.match(await call(oauth({ authority: issuerElsewhere ?? '' })), FORBIDDEN)
    await keep('client', 'for-the-api-only', [api.base])
    t.match(await call(oauth()), FORBIDDEN)
    await keep('client', 'for-the-issuer-only', [issuer.base])
    t.match(await call(oauth()), FORBIDDEN)
    await keep('ann', 'ann:open-sesame', [api.base])
    for (const scheme of ['basic', 'bearer', 'digest'] as const)
      t.match(await call({ scheme, secret: 'ann' }, `${apiElsewhere}/me`), FORBIDDEN, scheme)
    t.same([api.got.length, asked()], before)

    await keep('client', 'open-sesame')
    issuer.answers.set('/.well-known/openid-configuration', (response) =>
      json(response, { issuer: issuer.base, token_endpoint: `${issuerElsewhere}/oauth2/token` }),
    )
    t.match(await call({ scheme: 'oidc', members: policy() }), FORBIDDEN, 'nor by discovery')
    t.same([api.got.length, asked()], [before[0], (before[1] ?? 0) + 1])
  })

  await t.test('a token that is refused is renewed once', async (t) => {
    await call(oauth())
    const first = sent()
    api.answers.set('/fussy', (response, { headers }) =>
      json(response, {}, headers.authorization === first ? 401 : 200),
    )
    t.match(await call(oauth(), `${api.base}/fussy`), { status: 200 })
    const before = [api.got.length, asked()]
    api.answers.set('/never', (response) => json(response, {}, 401))
    t.match(await call(oauth(), `${api.base}/never`), { status: 401 })
    t.same([api.got.length, asked()], [(before[0] ?? 0) + 2, (before[1] ?? 0) + 1])
  })

  await t.test('a policy may be all in one secret', async (t) => {
    await keep('all', policy({ client: { id: 'app', secret: 'a-secret-in-it' } }))
    t.match(await call({ scheme: 'oauth2', secret: 'all' }), { body: 'Bearer [secret]' })
    t.match(form(), { client_secret: 'a-secret-in-it' })
    const deep = `{"a":${'['.repeat(4_000)}${']'.repeat(4_000)}}`
    for (const wrong of [
      { ...policy(), authority: 1 },
      policy({ grant: 'x' }),
      'no-object',
      deep,
    ]) {
      await keep('all', wrong)
      t.match(await call({ scheme: 'oauth2', secret: 'all' }), refusal('configuration', 400))
    }
    await keep('all', { token: 7 })
    t.match(await call({ scheme: 'bearer', secret: 'all' }), refusal('configuration', 400))
  })

  await t.test('a digest answers the challenge and keeps the password', async (t) => {
    await keep('ann', 'ann:open-sesame')
    api.answers.set('/digest', (response, { headers: { authorization = '' }, url }) => {
      const isRight = authorization === digestOf(authorization, url)
      const challenges = [
        'Basic realm="r"',
        'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256',
      ]
      if (authorization !== '')
        return json(response, { repeats: 'open-sesame' }, isRight ? 200 : 403)
      return response.writeHead(401, { 'www-authenticate': challenges }).end()
    })
    const url = `${api.base}/digest?a=b%20c`
    const body = '{"repeats":"[secret]"}'
    t.same(await call({ scheme: 'digest', secret: 'ann' }, url), { status: 200, body })
    await keep('word', 'another-one')
    const members = { username: 'ann', password: '${ $secrets.word }' }
    t.match(await call({ scheme: 'digest', members }, url), { status: 403 })
    api.answers.set('/basic', (response) =>
      response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end(),
    )
    t.match(
      await call({ scheme: 'digest', secret: 'ann' }, `${api.base}/basic`),
      refusal('authentication', 401),
    )
  })

  await t.test('an answer shows no secret, however it is spelled', async (t) => {
    const password = 'per cent & "quotes"'
    await keep('odd', { username: 'ann', password })
    api.answers.set('/odd', (response) =>
      json(response, { plain: password, form: new URLSearchParams({ password }).toString() }),
    )
    t.same(await call({ scheme: 'basic', secret: 'odd' }, `${api.base}/odd`), {
      status: 200,
      body: '{"plain":"[secret]","form":"password=[secret]"}',
    })
    t.equal(sent(), `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`)
    const token = (reference: string): Credentials => ({
      scheme: 'bearer',
      members: { token: reference },
    })
    await call(token('${ $secrets.client }'))
    t.match(sent(), /^Bearer open-sesame/)
    t.match(await call(token('${ $secrets.odd.other }')), refusal('configuration', 400))
  })
})

/** What a server with the password `open-sesame` takes for this header (RFC 7616, 3.4.1). */
function digestOf(header: string, uri: string): string {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex')
  const nonce = /cnonce="([^"]*)"/.exec(header)?.[1]
  const response = hash(
    `${hash('ann:r:open-sesame')}:n:00000001:${nonce}:auth:${hash(`GET:${uri}`)}`,
  )
  return header.replace(/response="[^"]*"/, `response="${response}"`)
}
