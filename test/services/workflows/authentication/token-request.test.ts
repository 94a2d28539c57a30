import { generateKeyPairSync, type KeyObject, verify } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import type { Json } from '../../../../domain/kernel/json.ts'
import { createOutgoingCalls } from '../../../../infra/workflows/http-call.ts'
import type { Policy } from '../../../../services/workflows/authentication/policy.ts'
import { requestToken } from '../../../../services/workflows/authentication/token-request.ts'
import { CallFault, type CallMembers } from '../../../../services/workflows/calls/call.ts'
import { json, startOther } from '../../../support/other-system.ts'

const TYPES = 'https://serverlessworkflow.io/spec/1.0.0/errors/'
const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token'
const REFRESH_TOKEN = 'urn:ietf:params:oauth:token-type:refresh_token'

const issuer = await startOther(t)
const outgoing = createOutgoingCalls({ allowPrivate: true, timeoutMs: 500 })
t.teardown(async () => outgoing[Symbol.asyncDispose]())
const signal = new AbortController().signal

function answerWith(body: Json, status = 200) {
  issuer.answers.set('/oauth2/token', (response) => json(response, body, status))
}
t.beforeEach(() => answerWith({ access_token: 'a.token', token_type: 'Bearer' }))

type Options = { readonly scheme?: Policy['scheme']; readonly client?: CallMembers }

function policyWith(more: CallMembers, { scheme = 'oauth2', client = {} }: Options = {}): Policy {
  const members = {
    authority: issuer.base,
    grant: 'client_credentials',
    client: { id: 'app', secret: 'open-sesame', ...client },
    ...more,
  }
  return { scheme, members, hidden: [], requireOrigin: () => {} }
}

async function ask(more: CallMembers = {}, options?: Options) {
  const policy = policyWith(more, options)
  return await requestToken(policy, (request) => outgoing.call(request, signal))
}

/** The error that comes of asking so. */
async function refused(...given: Parameters<typeof ask>) {
  const fault = await ask(...given).catch((error: unknown) => error)
  return fault instanceof CallFault ? { ...fault.outcome } : fault
}
const authentication = (detail: RegExp) => ({
  error: { type: `${TYPES}authentication`, status: 401, detail },
})
const configuration = (detail: RegExp) => ({
  error: { type: `${TYPES}configuration`, status: 400, detail },
})

const got = () => issuer.got.at(-1)
const form = () => Object.fromEntries(new URLSearchParams(got()?.body))
const decoded = (part = '') => JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))

t.test('the scopes and audiences are asked for, in a form unless JSON is wanted', async (t) => {
  const wanted = { scopes: ['a', 'b'], audiences: ['x', 'y'] }
  t.same(await ask(wanted), { value: 'a.token', lifetimeMs: 300_000 })
  t.match(got(), { method: 'POST', url: '/oauth2/token' })
  t.match(got()?.headers['content-type'], /^application\/x-www-form-urlencoded/)
  t.match(form(), { grant_type: 'client_credentials', scope: 'a b' })
  t.same(new URLSearchParams(got()?.body).getAll('audience'), ['x', 'y'])

  const request = { encoding: 'application/json' }
  issuer.answers.set('/base/t', (response) =>
    json(response, { access_token: 'b', token_type: 'bearer', expires_in: 1e12 }),
  )
  const elsewhere = { authority: `${issuer.base}/base/`, endpoints: { token: '/t' } }
  t.same(await ask({ ...wanted, ...elsewhere, request }), { value: 'b', lifetimeMs: 86_400_000 })
  t.equal(got()?.headers['content-type'], 'application/json')
  t.match(JSON.parse(got()?.body ?? ''), { scope: 'a b', audience: ['x', 'y'], client_id: 'app' })
})

t.test('a client says who it is by its secret', async (t) => {
  const secret = 'open/sesame:with a blank'
  await ask({}, { client: { secret } })
  t.match(form(), { client_id: 'app', client_secret: secret })

  await ask({}, { client: { secret, authentication: 'client_secret_basic' } })
  // Each half is encoded as in a form: RFC 6749, 2.3.1.
  const basic = Buffer.from('app:open%2Fsesame%3Awith+a+blank').toString('base64')
  t.equal(got()?.headers.authorization, `Basic ${basic}`)
  t.notOk(form().client_secret)

  await ask({}, { client: { secret, authentication: 'client_secret_jwt' } })
  const [, claims] = (form().client_assertion ?? '').split('.')
  t.match(decoded(claims), { iss: 'app', sub: 'app', aud: `${issuer.base}/oauth2/token` })

  await ask({}, { client: { authentication: 'none' } })
  t.same(form(), { client_id: 'app', grant_type: 'client_credentials' })
})

t.test(
  'a client says who it is by an assertion, its own or one that was signed before',
  async (t) => {
    const pairs = [
      generateKeyPairSync('rsa', { modulusLength: 2_048 }),
      generateKeyPairSync('ec', { namedCurve: 'P-256' }),
      generateKeyPairSync('ed25519'),
    ]
    const pem = (key: KeyObject) => key.export({ type: 'pkcs8', format: 'pem' }).toString()
    for (const { privateKey, publicKey } of pairs) {
      const client = { secret: pem(privateKey), authentication: 'private_key_jwt' }
      await ask({}, { client })
      t.match(form(), { client_assertion_type: /jwt-bearer$/, client_id: 'app' })
      const [head, claims, signature = ''] = (form().client_assertion ?? '').split('.')
      const key = { key: publicKey, dsaEncoding: 'ieee-p1363' } as const
      const hash = publicKey.asymmetricKeyType === 'ed25519' ? null : 'sha256'
      const signed = Buffer.from(`${head}.${claims}`)
      t.ok(verify(hash, signed, key, Buffer.from(signature, 'base64url')), `${hash}`)
    }
    const assertion = { id: 'app', assertion: 'a.b.c', authentication: 'private_key_jwt' }
    await ask({ client: assertion })
    t.match(form(), { client_assertion: 'a.b.c', client_id: 'app' })

    const short = generateKeyPairSync('rsa', { modulusLength: 1_024 })
    for (const secret of ['nonsense', pem(short.privateKey)]) {
      const client = { secret, authentication: 'private_key_jwt' }
      t.match(await refused({}, { client }), configuration(/not a private key in PEM/))
    }
  },
)

t.test('each grant sends what it needs', async (t) => {
  await ask({ grant: 'password', username: 'ann', password: 'pw' })
  t.match(form(), { grant_type: 'password', username: 'ann', password: 'pw' })
  await ask({ grant: 'refresh_token', subject: { token: 'r', type: REFRESH_TOKEN } })
  t.match(form(), { grant_type: 'refresh_token', refresh_token: 'r' })
  const subject = { token: 's', type: ACCESS_TOKEN }
  await ask({ grant: EXCHANGE, subject, actor: { token: 'a', type: 'urn:x' } })
  t.match(form(), { grant_type: EXCHANGE, subject_token: 's', subject_token_type: ACCESS_TOKEN })
  t.match(form(), { actor_token: 'a', actor_token_type: 'urn:x' })
})

t.test('a policy that gets no token asks nobody', async (t) => {
  const before = issuer.got.length
  const faulty: readonly [CallMembers, RegExp][] = [
    [{ authority: 7 }, /not what the scheme needs/],
    [{ more: 'x' }, /not what the scheme needs/],
    [{ authority: 'http://[' }, /not an address/],
    [{ authority: 'http://ann:pw@a.example' }, /\/authority must be/],
    [{ grant: 'authorization_code' }, /takes a person/],
    [{ grant: 'password', username: 'ann' }, /"password" is missing/],
    [{ client: { id: '' } }, /"id" is missing/],
    [
      { client: { id: '\ud800', secret: 'x', authentication: 'client_secret_basic' } },
      /well-formed/,
    ],
  ]
  for (const [more, reason] of faulty) t.match(await refused(more), configuration(reason))
  t.equal(issuer.got.length, before)
})

t.test('oidc asks the authority where its tokens are', async (t) => {
  const realm = `${issuer.base}/realm`
  const wellKnown = '/realm/.well-known/openid-configuration'
  const says = (body: Json, status = 200) =>
    issuer.answers.set(wellKnown, (response) => json(response, body, status))
  says({ issuer: realm, token_endpoint: `${issuer.base}/oauth2/token` })
  // Nobody signs in: an identity token is not looked at.
  answerWith({ access_token: 'a', token_type: 'bearer', id_token: 'nonsense' })
  for (const authority of [realm, `${issuer.base}${wellKnown}`])
    t.match(await ask({ authority }, { scheme: 'oidc' }), { value: 'a' }, authority)

  const useless = [{ issuer: 'https://other.example' }, { issuer: realm }, { issuer: 'none' }, []]
  for (const body of useless) {
    says(body)
    const outcome = await refused({ authority: realm }, { scheme: 'oidc' })
    t.match(outcome, authentication(/cannot be used/), JSON.stringify(body))
  }
  says({}, 404)
  t.match(await refused({ authority: realm }, { scheme: 'oidc' }), authentication(/answered 404/))
})

t.test('an authority that gives no token is refused in our own words', async (t) => {
  const failures: readonly [body: Json, status: number, reason: RegExp][] = [
    [
      { error: 'invalid_client', error_description: 'evil' },
      400,
      / It answered 400, invalid_client\.$/,
    ],
    [{ error: 'evil' }, 401, / It answered 401\.$/],
    ['evil', 503, / It answered 503\.$/],
    [{}, 302, / It answered 302\.$/],
    [[], 200, /cannot be used/],
    [{ access_token: 7, token_type: 'bearer' }, 200, /cannot be used/],
    [{ access_token: 'a', token_type: 'mac' }, 200, /cannot be used/],
    [{ access_token: 'a', token_type: 'DPoP' }, 200, /cannot be used/],
    [{ access_token: 'two\nlines', token_type: 'bearer' }, 200, /cannot be used/],
    [{ access_token: 'a', token_type: 'bearer', expires_in: -1 }, 200, /cannot be used/],
    [{ access_token: 'x'.repeat(70_000) }, 200, /more than 65536 bytes/],
  ]
  for (const [body, status, reason] of failures) {
    answerWith(body, status)
    t.match(await refused(), authentication(reason))
  }
  issuer.answers.set('/oauth2/token', (response) => response.destroy())
  t.match(await refused(), authentication(/^The authority gave no token\. .*broke off/))
  issuer.answers.set('/oauth2/token', () => {})
  t.match(await refused(), authentication(/no answer in time/))
})

t.test('a token is of one of the issuers, where the policy names some', async (t) => {
  const claims = (iss: Json) => Buffer.from(JSON.stringify({ iss })).toString('base64url')
  const issuers = ['https://good.example']
  answerWith({ access_token: `e30.${claims('https://good.example')}.c2ln`, token_type: 'bearer' })
  t.match(await ask({ issuers }), { lifetimeMs: 300_000 })
  for (const token of [
    `e30.${claims('https://bad.example')}.c2ln`,
    'opaque',
    'a.b.c',
    `a.${claims(7)}.c`,
  ]) {
    answerWith({ access_token: token, token_type: 'bearer' })
    t.match(await refused({ issuers }), authentication(/The issuer that its token names/), token)
  }
})

t.test(
  'an authority is called as everybody is, and not where the operator forbids it',
  async (t) => {
    const guarded = createOutgoingCalls({ allowPrivate: false })
    t.teardown(async () => guarded[Symbol.asyncDispose]())
    const before = issuer.got.length
    const policy = policyWith({})
    const asked = requestToken(policy, (request) => guarded.call(request, signal))
    await t.rejects(asked, { name: 'CallFault', message: /private network/ })
    t.equal(issuer.got.length, before)
  },
)

t.test('whatever is in a policy, there is a token or a reason', async () => {
  // Halves of surrogate pairs, too: JSON can hold them.
  const unit = fc.integer({ max: 0xffff, min: 0 }).map((code) => String.fromCharCode(code))
  const text = fc.string({ unit, maxLength: 12 })
  const some = fc.record(
    {
      ...{ username: text, password: text, scopes: fc.array(text), audiences: fc.array(text) },
      grant: fc.constantFrom('client_credentials', 'password', EXCHANGE),
      subject: fc.record({ token: text, type: text }),
      client: fc.record({
        ...{ id: text, secret: text, assertion: text },
        authentication: fc.constantFrom(
          ...['client_secret_basic', 'client_secret_post', 'client_secret_jwt'],
          ...['private_key_jwt', 'none'],
        ),
      }),
    },
    { requiredKeys: ['grant'] },
  )
  const holds = fc.asyncProperty(some, async (members) => {
    const asked = await ask(members as unknown as CallMembers).catch((error: unknown) => error)
    return asked instanceof CallFault || (asked as { value?: string }).value === 'a.token'
  })
  await fc.assert(holds, { numRuns: 40 })
})

t.test('a call that is ended has no outcome', async (t) => {
  issuer.answers.set('/oauth2/token', () => {})
  const asked = requestToken(policyWith({}), (request) =>
    outgoing.call(request, AbortSignal.abort()),
  )
  await t.rejects(asked, { name: 'AbortError' })
})
