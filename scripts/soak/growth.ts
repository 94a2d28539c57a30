import type { Counts } from './load.ts'

/** Resident memory of the program at a time after the load began. */
export type Sample = { readonly seconds: number; readonly megabytes: number }

const HOUR_S = 3_600

/** Slope of the least-squares line through the samples, in MB an hour. */
export function growth(samples: readonly Sample[]): number {
  const mean = (of: (sample: Sample) => number) =>
    samples.reduce((sum, each) => sum + of(each), 0) / samples.length
  const seconds = mean((each) => each.seconds)
  const megabytes = mean((each) => each.megabytes)
  const covariance = mean((each) => (each.seconds - seconds) * (each.megabytes - megabytes))
  const variance = mean((each) => (each.seconds - seconds) ** 2)
  return (covariance / variance) * HOUR_S
}

export function summary(samples: readonly Sample[], perHour: number, counts: Counts): string {
  const megabytes = samples.map((each) => each.megabytes)
  const done = Object.entries(counts).map(
    ([name, { done, failed }]) => `${done} ${name}${failed === 0 ? '' : ` (${failed} failed)`}`,
  )
  return [
    `${done.join(', ')}.`,
    `After warming up: ${Math.min(...megabytes)} to ${Math.max(...megabytes)} MB, ${perHour.toFixed(1)} MB an hour.`,
  ].join('\n')
}
