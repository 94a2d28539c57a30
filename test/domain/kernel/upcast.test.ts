import t from 'tap'
import { Type } from 'typebox'
import { currentVersion, firstVersion, upcast } from '../../../domain/kernel/upcast.ts'

const price = {
  versions: [
    Type.Object({ euros: Type.Number() }),
    Type.Object({ cents: Type.Integer() }),
    Type.Object({ cents: Type.Integer(), currency: Type.String() }),
  ] as const,
  upcasters: [
    ({ euros }: { readonly euros?: unknown }) => ({ cents: Math.round(Number(euros) * 100) }),
    (data: object) => ({ ...data, currency: 'EUR' }),
  ],
}

t.test('each version goes through every later upcaster', async (t) => {
  t.same(upcast(price, 1, { euros: 12.5 }), { cents: 1_250, currency: 'EUR' })
  t.same(upcast(price, 2, { cents: 7 }), { cents: 7, currency: 'EUR' })
})

t.test('the current version stays as it is', async (t) => {
  const data = { cents: 7, currency: 'CHF' }
  t.equal(upcast(price, 3, data), data)
  t.equal(currentVersion(price), 3)
  t.equal(currentVersion(firstVersion(Type.Object({}))), 1)
})

t.test('a version that this program does not know is refused', async (t) => {
  for (const version of [0, 4, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    t.throws(() => upcast(price, version, {}), RangeError)
})
