import { randomInt } from 'node:crypto'
import t, { type Test } from 'tap'
import { type Random, randomFrom } from './random.ts'

const MAX_SEED = 2 ** 31

/** How many times each fault is tried, every time at other moments: `make test-faults` says 20. */
export const FAULT_SEEDS = Number(process.env.FAULT_SEEDS ?? 1)

/** Whether this run takes the time for faults that last as long as they do in life. */
export const AT_LENGTH = FAULT_SEEDS > 1

/** How long a server is away. */
export const OUTAGE_MS = Number(process.env.FAULT_OUTAGE_MS ?? (AT_LENGTH ? 30_000 : 3_000))

/**
 * A test for every seed, one after the other; each tells its seed, and `FAULT_SEED=…` repeats it.
 *
 * @param seconds what one seed takes at most on a busy machine.
 */
export async function everySeed(
  test: Test,
  seconds: number,
  body: (t: Test, random: Random) => Promise<void>,
): Promise<void> {
  for (const seed of seeds())
    await test.test(`seed ${seed}`, { timeout: seconds * 1_000 }, (t) => body(t, randomFrom(seed)))
}

/** For the whole file; its start and end take a while as well. */
export function timeForSeeds(seconds: number): void {
  t.setTimeout((seconds * FAULT_SEEDS + 120) * 1_000)
}

function seeds(): readonly number[] {
  const given = process.env.FAULT_SEED
  if (given !== undefined) return [Number(given)]
  return Array.from({ length: FAULT_SEEDS }, () => randomInt(MAX_SEED))
}
