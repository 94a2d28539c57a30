import fc from 'fast-check'
import t from 'tap'
import { createApiKeys } from '../../../infra/crypto/api-key.ts'

const keys = createApiKeys('pepper')

t.test('a key is recognised by its text alone, and its hash is that of its making', async (t) => {
  const { key, keyId, secretHash } = keys.create()
  t.match(key, /^tdm_[0-9a-f]{16}_[A-Za-z0-9_-]{43}[0-9a-f]{8}$/)
  t.same(keys.read(key), { keyId, secretHash })
  t.equal(keys.create('0000000000000001').keyId, '0000000000000001')
})

t.test('without the pepper the hash is another one', async (t) => {
  const { key, secretHash } = keys.create()
  t.not(createApiKeys('another').read(key)?.secretHash, secretHash)
})

t.test('one changed character is noticed without a look-up', async (t) => {
  const { key } = keys.create()
  fc.assert(
    fc.property(
      fc.nat(key.length - 1),
      fc.constantFrom(...'abcdefghijklmnopqrstuvwxyz0123456789_-'),
      (place, character) => {
        if (key[place] === character) return true
        const changed = key.slice(0, place) + character + key.slice(place + 1)
        return keys.read(changed) === undefined
      },
    ),
  )
  for (const text of ['', 'tdm_', `${key}0`, key.slice(1), ` ${key}`, key.toUpperCase()])
    t.equal(keys.read(text), undefined)
})

t.test('hashes are the same or not', async (t) => {
  const [one, other] = [keys.create(), keys.create()]
  t.equal(keys.sameHash(one.secretHash, one.secretHash), true)
  t.equal(keys.sameHash(one.secretHash, other.secretHash), false)
  t.equal(keys.sameHash(one.secretHash, ''), false)
})
