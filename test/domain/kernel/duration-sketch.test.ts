import fc from 'fast-check'
import t from 'tap'
import {
  type Buckets,
  bucketOf,
  durationOf,
  mergeBuckets,
  quantile,
} from '../../../domain/kernel/duration-sketch.ts'

const durations = fc.array(
  fc.oneof(
    fc.double({ min: 0.001, max: 10, noNaN: true }),
    fc.double({ min: 0.001, max: 100_000, noNaN: true }),
  ),
  { minLength: 1, maxLength: 2_000 },
)

function sketchOf(values: readonly number[]): Buckets {
  return mergeBuckets(values.map((value) => new Map([[bucketOf(value), 1]])))
}

function exact(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0
}

t.test('every percentile is within 2 % of the exact one', async (t) => {
  fc.assert(
    fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
      const want = exact(values, q)
      const got = quantile(sketchOf(values), q) ?? 0
      return Math.abs(got - want) <= 0.02 * want
    }),
    { numRuns: 500 },
  )
  t.pass()
})

t.test('a duration is within 1 % of what its bucket stands for', async (t) => {
  fc.assert(
    fc.property(fc.double({ min: 0.001, max: 86_400_000, noNaN: true }), (value) => {
      const error = Math.abs(durationOf(bucketOf(value)) - value) / value
      return error <= 0.01 + 1e-9
    }),
    { numRuns: 1_000 },
  )
  t.pass()
})

t.test('the sketch of two sets together is their sketches merged, in every order', async (t) => {
  fc.assert(
    fc.property(durations, durations, (one, other) => {
      const together = [...sketchOf([...one, ...other])].sort(([a], [b]) => a - b)
      const merged = [...mergeBuckets([sketchOf(one), sketchOf(other)])].sort(([a], [b]) => a - b)
      const swapped = [...mergeBuckets([sketchOf(other), sketchOf(one)])].sort(([a], [b]) => a - b)
      return (
        JSON.stringify(together) === JSON.stringify(merged) &&
        JSON.stringify(merged) === JSON.stringify(swapped)
      )
    }),
  )
  t.pass()
})

t.test('no duration has no percentile', async (t) => {
  t.equal(quantile(new Map(), 0.5), undefined)
})

t.test('what no clock can tell, and what no call lasts, is bounded', async (t) => {
  t.equal(bucketOf(0), bucketOf(0.001))
  t.equal(bucketOf(1e12), bucketOf(86_400_000))
  t.ok(Number.isInteger(bucketOf(5)))
})
