import fc from 'fast-check'
import t from 'tap'
import { digestAuthorization } from '../../../../services/workflows/authentication/digest.ts'

// The challenges and answers of RFC 7616, 3.9.1.
const user = { username: 'Mufasa', password: 'Circle of Life' }
const request = { method: 'GET', uri: '/dir/index.html' }
const nonce = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v'
const clientNonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ'
const opaque = 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS'
const challenge = (algorithm: string, more = '') =>
  `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="${nonce}", opaque="${opaque}"${more}`
const answer = (challenges: string, who = user) =>
  digestAuthorization(who, request, challenges, clientNonce)
const response = (header: string | undefined) => /response="([0-9a-f]*)"/.exec(header ?? '')?.[1]

const OF_SHA_256 = '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'
const OF_MD5 = '8ca523f5e9506fed4657c9700eebdbec'

t.test('the examples of the standard', async (t) => {
  t.equal(
    answer(challenge('SHA-256')),
    `Digest username="Mufasa", realm="http-auth@example.org", nonce="${nonce}", uri="/dir/index.html", algorithm=SHA-256, response="${OF_SHA_256}", opaque="${opaque}", qop=auth, nc=00000001, cnonce="${clientNonce}"`,
  )
  t.equal(response(answer(challenge('MD5'))), OF_MD5)
})

t.test('the first challenge that can be answered is', async (t) => {
  const [sha, md5] = [challenge('SHA-256'), challenge('MD5')]
  t.equal(response(answer(`${sha}, ${md5}`)), OF_SHA_256)
  t.equal(response(answer(`${md5}, ${sha}`)), OF_MD5)
  t.equal(response(answer(`Negotiate abc==, Basic realm="a, b=\\"c", ${sha}`)), OF_SHA_256)
  t.equal(response(answer(`${challenge('SHA-512-256')}, ${md5}`)), OF_MD5)
  for (const none of ['', 'Basic realm="a"', 'Digest', 'Digest realm="a"', challenge('token')])
    t.equal(answer(none), undefined, none)
  t.equal(answer(`Digest realm="a", nonce="b", qop="auth-int"`), undefined)
})

t.test('a challenge of RFC 2069 has no quality of protection', async (t) => {
  // RFC 2069, 2.4, with the erratum of its response.
  const old =
    'Digest realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
  const header = answer(old, { username: 'Mufasa', password: 'CircleOfLife' })
  t.equal(response(header), '1949323746fe6a43ef61f9606e7febea')
  t.notMatch(header, /qop|nc=|cnonce|algorithm/)
})

t.test('a session, a hashed name and a name that is not ASCII', async (t) => {
  t.not(response(answer(challenge('MD5-sess'))), OF_MD5)
  t.match(answer(challenge('MD5-sess')), /algorithm=MD5-sess/)
  const hashed = answer(challenge('SHA-256', ', userhash=true'))
  t.match(hashed, /username="[0-9a-f]{64}".*userhash=true$/)
  t.match(
    answer(challenge('MD5'), { ...user, username: 'Jäsøn*' }),
    /username\*=UTF-8''J%C3%A4s%C3%B8n%2A,/,
  )
})

t.test('whatever the other side sends makes one line or no answer', async (t) => {
  const unit = fc.integer({ max: 0xffff, min: 0 }).map((code) => String.fromCharCode(code))
  const anything = fc.string({ unit, maxLength: 30 })
  const holds = fc.property(anything, anything, anything, (realm, username, rest) => {
    const quoted = `"${realm.replace(/["\\\r\n]/g, '')}"`
    const header = answer(`Digest realm=${quoted}, nonce="x", ${rest}`, { ...user, username })
    return header === undefined || /^Digest [^\r\n]*$/.test(header)
  })
  t.doesNotThrow(() => fc.assert(holds, { numRuns: 50 }))
})
