import fc from 'fast-check'
import t from 'tap'
import {
  MAX_STREAM_NAME_LENGTH,
  streamName,
  TENANT_ID_PATTERN,
  tenantOfStream,
} from '../../../domain/kernel/ids.ts'

t.test('a stream carries its tenant, whatever its id is', async () => {
  const tenant = fc.stringMatching(new RegExp(TENANT_ID_PATTERN))
  const category = fc.stringMatching(/^[a-z][a-z_]*$/).filter((name) => name.length < 50)
  fc.assert(
    fc.property(
      category,
      tenant,
      fc.string({ unit: 'binary', maxLength: 100 }),
      (category, tenant, id) => {
        return tenantOfStream(streamName(category, tenant, id)) === tenant
      },
    ),
  )
})

t.test('two tenants never share a stream', async () => {
  const tenant = fc.stringMatching(/^[a-c][a-c-]{0,2}$/)
  const id = fc.stringMatching(/^[a-c.-]{0,3}$/)
  fc.assert(
    fc.property(tenant, id, tenant, id, (tenantA, idA, tenantB, idB) => {
      const same = streamName('x', tenantA, idA) === streamName('x', tenantB, idB)
      return same === (tenantA === tenantB && idA === idB)
    }),
  )
})

t.test('what is no tenant id makes no stream', async (t) => {
  for (const tenant of ['', 'Acme', 'a.b', 'a b', '*', '>', '-a', 'a'.repeat(64), 'é', 'a\n'])
    t.throws(() => streamName('thing', tenant, '1'), RangeError, JSON.stringify(tenant))
})

t.test('a name has a bounded length', async (t) => {
  const id = 'x'.repeat(MAX_STREAM_NAME_LENGTH - 'thing-acme.'.length)
  t.equal(streamName('thing', 'acme', id).length, MAX_STREAM_NAME_LENGTH)
  t.throws(() => streamName('thing', 'acme', `${id}x`), RangeError)
})

t.test('a name that `streamName` did not make has no tenant', async (t) => {
  for (const name of [
    '',
    'thing',
    'thing-acme',
    'thing.acme',
    '-acme.1',
    'thing-.1',
    'a.b-c.d',
    'thing-A.1',
  ])
    t.equal(tenantOfStream(name), undefined, `"${name}"`)
})
