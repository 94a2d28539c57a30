import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'

/** One line of the benchmark's output. `limit` is measured in the same run, in the same unit. */
export type Measurement = {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly limit: number
  /** value / limit. For a rate more is better, for a time less is. */
  readonly ratio: number
}

export function measurement(name: string, value: number, unit: string, limit: number): Measurement {
  return { name, value: rounded(value), unit, limit: rounded(limit), ratio: rounded(value / limit) }
}

/** Seconds that `work` takes. */
export async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return (performance.now() - start) / 1_000
}

/** `writers` callers that each do `work` again and again until `total` are done. @returns how many a second. */
export async function ratePerSecond(
  writers: number,
  total: number,
  work: (writer: number, index: number) => Promise<unknown>,
): Promise<number> {
  let next = 0
  const seconds = await secondsOf(() =>
    Promise.all(
      Array.from({ length: writers }, async (_, writer) => {
        while (next < total) await work(writer, next++)
      }),
    ),
  )
  return total / seconds
}

/**
 * Starts `work` at a steady rate, whether or not what began before is done, so that waiting counts
 * (an open loop).
 *
 * @param rate starts a second.
 * @param warmUp how many of the `total` are not counted.
 * @returns ms from when each was due to when it was done; infinite where `work` answers `failed`.
 */
export async function latenciesAt(
  rate: number,
  total: number,
  warmUp: number,
  work: (index: number) => Promise<'done' | 'failed'>,
): Promise<readonly number[]> {
  const start = performance.now()
  const took: number[] = []
  const all: Promise<void>[] = []
  for (let index = 0; index < total; ) {
    const due = ((performance.now() - start) * rate) / 1_000
    for (; index < Math.min(due, total); index++) {
      const dueAt = start + (index * 1_000) / rate
      const counted = index >= warmUp
      all.push(
        work(index).then((outcome) => {
          const ms = outcome === 'done' ? performance.now() - dueAt : Number.POSITIVE_INFINITY
          if (counted) took.push(ms)
        }),
      )
    }
    await delay(1)
  }
  await Promise.all(all)
  return took
}

/**
 * Alternates the two, `rounds` times, so that a noisy machine is equally unkind to both.
 *
 * @returns the median of each.
 */
export async function alternately(
  rounds: number,
  subject: () => Promise<number>,
  limit: () => Promise<number>,
): Promise<{ value: number; limit: number }> {
  const values: number[] = []
  const limits: number[] = []
  for (let round = 0; round < rounds; round++) {
    limits.push(await limit())
    values.push(await subject())
  }
  return { value: quantile(values, 0.5), limit: quantile(limits, 0.5) }
}

/** Nearest-rank quantile; `q` from 0 to 1. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? Number.NaN
}

function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
