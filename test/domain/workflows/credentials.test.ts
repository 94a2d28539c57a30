import t from 'tap'
import { credentialsIn } from '../../../domain/workflows/credentials.ts'
import { workflow } from '../../support/workflow-run.ts'

type Given = Parameters<typeof credentialsIn>[1]

const EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange'
const REFERENCE = '${ $secrets.a-b }'
const client = { id: 'i', secret: REFERENCE }
const policy = (more: object) => ({
  ...{ authority: 'https://a.example/x', grant: 'client_credentials', client },
  ...more,
})

/** Of a document that has the secret `a-b`. */
const found = (given: object, authentications = {}) =>
  credentialsIn(workflow([], { use: { secrets: ['a-b'], authentications } }), given as Given)

t.test('a whole policy is in a secret, or each of its credentials is', async (t) => {
  for (const scheme of ['basic', 'bearer', 'digest', 'oauth2', 'oidc']) {
    t.same(found({ [scheme]: { use: 'a-b' } }), { scheme, secret: 'a-b' })
    const use = { mine: { [scheme]: { use: 'a-b' } } }
    t.same(found({ use: 'mine' }, use), { scheme, secret: 'a-b' }, 'by name')
  }
  const subject = { token: '${$secrets.a-b.token}', type: 't' }
  const signed = { id: 'i', assertion: REFERENCE, authentication: 'private_key_jwt' }
  const inline = {
    basic: { username: 'ann', password: '${ $secrets.a-b.password }' },
    bearer: { token: REFERENCE },
    digest: { username: REFERENCE, password: REFERENCE },
    oauth2: policy({ scopes: ['x'], endpoints: { token: '/oauth/token' } }),
    oidc: policy({ grant: EXCHANGE, subject, client: signed }),
  }
  for (const [scheme, members] of Object.entries(inline))
    t.same(found({ [scheme]: members }), { scheme, members })
})

t.test('there is no credential in a document, and no expression that chooses one', async (t) => {
  const faulty: readonly [given: object, pointer: string, detail: RegExp][] = [
    [{ use: 'mine' }, '', /has none of this name/],
    [{ use: 'constructor' }, '', /has none of this name/],
    [{ bearer: { use: 'c' } }, '/bearer/use', /use\.secrets has no "c"/],
    [{ bearer: { token: 't' } }, '/bearer/token', /^credentials are named/],
    [{ bearer: { token: '${ $secrets.c }' } }, '/bearer/token', /use\.secrets has no "c"/],
    [{ bearer: { token: '${ $secrets[.name] }' } }, '/bearer/token', /^credentials are named/],
    [{ basic: { username: '${ .u }', password: REFERENCE } }, '/basic/username', /no expression/],
    [{ oauth2: policy({ scopes: ['${ .x }'] }) }, '/oauth2/scopes/0', /no expression/],
    [{ oauth2: policy({ client: { id: 'i' } }) }, '/oauth2', /^credentials are named/],
  ]
  for (const [given, pointer, detail] of faulty) t.match(found(given), { pointer, detail })
})

t.test('a policy is one that gets a token without a person', async (t) => {
  const faulty: readonly [more: object, pointer: string, detail: RegExp][] = [
    [{ authority: undefined }, '', /"authority" is missing/],
    [{ authority: 'https://{host}/x' }, '/authority', /without templates/],
    [{ authority: 'https://u:p@a.example' }, '/authority', /an http or https address/],
    [{ endpoints: { token: 'https://b.example' } }, '/endpoints/token', /a path below/],
    [{ grant: undefined }, '', /"grant" is missing/],
    [{ grant: 'authorization_code' }, '/grant', /takes a person/],
    [{ grant: 'password', username: 'ann' }, '', /"password" is missing/],
    [{ grant: 'refresh_token', subject: { token: REFERENCE, type: 't' } }, '/subject', /refresh/],
    [{ grant: EXCHANGE }, '', /"subject" is missing/],
    [{ client: { secret: REFERENCE } }, '/client', /"id" is missing/],
  ]
  for (const [more, pointer, detail] of faulty)
    t.match(found({ oidc: policy(more) }), { pointer: `/oidc${pointer}`, detail })
})
