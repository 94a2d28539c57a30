import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Webhook } from 'standardwebhooks'
import t from 'tap'
import { newSigningSecret, signatureHeaders } from '../../../services/webhooks/signature.ts'

const DOCUMENT = path.resolve(import.meta.dirname, '../../../docs/subscribing.md')

const secret = newSigningSecret()
const other = newSigningSecret()
const body = '{"id":"1","text":"Ebbe und Flut, 潮"}'
const signed = (secrets: readonly string[], at = new Date()) =>
  signatureHeaders(secrets, { id: 'msg_1', at, body })

t.test('a signature is the one of the specification', async (t) => {
  const known = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
  const headers = signatureHeaders([known], {
    ...{ id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', at: new Date(1_614_265_330_500) },
    body: '{"test": 2432232314}',
  })
  t.same(headers, {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})

t.test('the library that receivers use accepts it with either secret', async (t) => {
  const headers = signed([other, secret])
  for (const each of [secret, other])
    t.same(new Webhook(each).verify(body, headers), JSON.parse(body))
  t.throws(() => new Webhook(newSigningSecret()).verify(body, headers))
})

t.test('the check that the documentation shows works as it is written', async (t) => {
  const blocks = readFileSync(DOCUMENT, 'utf8').matchAll(/```js\n([\s\S]*?)```/g)
  const codes = [...blocks].map(([, text = '']) => text)
  const code = codes.find((text) => text.includes('isGenuine')) ?? ''
  const { isGenuine } = await import(`data:text/javascript,${encodeURIComponent(code)}`)
  t.equal(isGenuine(secret, signed([secret]), body), true)
  t.equal(isGenuine(secret, signed([other, secret]), body), true)
  t.equal(isGenuine(secret, signed([other]), body), false)
  t.equal(isGenuine(secret, signed([secret]), `${body} `), false)
  t.equal(isGenuine(secret, { ...signed([secret]), 'webhook-id': 'msg_2' }, body), false)
  t.equal(isGenuine(secret, signed([secret], new Date(Date.now() - 600_000)), body), false)
  t.equal(isGenuine(secret, { ...signed([secret]), 'webhook-signature': 'v1,' }, body), false)
})
