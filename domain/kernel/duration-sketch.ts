// Quantiles of durations out of counters: DDSketch (Masson, Rim, Lee, VLDB 2019) with a bucket
// for every factor GAMMA. A quantile is off by at most RELATIVE_ERROR of itself, whatever the
// distribution, and the sketch of two sets together is the sum of their counters.

export const RELATIVE_ERROR = 0.01
const GAMMA = (1 + RELATIVE_ERROR) / (1 - RELATIVE_ERROR)
const LOG_GAMMA = Math.log(GAMMA)

/** Durations below a microsecond count as one: clocks do not tell them apart. */
const MIN_MS = 0.001
/** A day; longer ones count as one. */
const MAX_MS = 86_400_000

/** A sketch: how many durations each bucket has. */
export type Buckets = ReadonlyMap<number, number>

/** The bucket of a duration, a small integer that may be negative. */
export function bucketOf(durationMs: number): number {
  const bounded = Math.min(MAX_MS, Math.max(MIN_MS, durationMs))
  return Math.ceil(Math.log(bounded) / LOG_GAMMA)
}

/** The value of the bucket, in ms, that is nearest in proportion to all of its durations. */
export function durationOf(bucket: number): number {
  return (2 * GAMMA ** bucket) / (GAMMA + 1)
}

export function mergeBuckets(sketches: Iterable<Buckets>): Buckets {
  const merged = new Map<number, number>()
  for (const sketch of sketches)
    for (const [bucket, count] of sketch) merged.set(bucket, (merged.get(bucket) ?? 0) + count)
  return merged
}

/**
 * By nearest rank: the smallest duration that at least the fraction `q` of all do not exceed.
 *
 * @returns ms; undefined when there are none.
 */
export function quantile(sketch: Buckets, q: number): number | undefined {
  const sorted = [...sketch].sort(([a], [b]) => a - b)
  const total = sorted.reduce((sum, [, count]) => sum + count, 0)
  const rank = Math.max(1, Math.ceil(q * total))
  let seen = 0
  for (const [bucket, count] of sorted) {
    seen += count
    if (seen >= rank) return durationOf(bucket)
  }
  return undefined
}
