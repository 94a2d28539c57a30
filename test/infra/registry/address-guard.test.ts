import type { LookupAddress } from 'node:dns'
import t from 'tap'
import { checkedUrl, guardedLookup } from '../../../infra/registry/address-guard.ts'

const strict = { allowPrivate: false }
const open = { allowPrivate: true }

t.test(
  'an operator may open the own network, never the one where clouds keep secrets',
  async (t) => {
    t.equal(checkedUrl('http://127.0.0.1:8080/x', open).port, '8080')
    t.equal(checkedUrl('https://registry.example', strict).hostname, 'registry.example')
    for (const location of ['http://169.254.169.254/', 'http://[fe80::1]/', 'http://0.0.0.0/'])
      t.throws(() => checkedUrl(location, open), { code: 'upstream-address-refused' }, location)
  },
)

t.test('a name that leads into a private network is refused when it is dialled', async (t) => {
  const resolve = (policy: typeof strict) =>
    new Promise((settle) => {
      guardedLookup(policy)('localhost', { all: true }, (error, addresses) =>
        settle(error ?? addresses),
      )
    })
  t.match(await resolve(strict), { code: 'upstream-address-refused' })
  const addresses = (await resolve(open)) as LookupAddress[]
  t.ok(addresses.length > 0)
})
