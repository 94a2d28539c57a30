import { setTimeout as delay } from 'node:timers/promises'

export type Work = {
  readonly name: string
  readonly perSecond: number
  readonly once: () => Promise<unknown>
}

export type Counts = Readonly<Record<string, { readonly done: number; readonly failed: number }>>

/** One kind of work never has more than this many begun and not ended: a slow system is not buried. */
const MAX_UNDER_WAY = 100
const TICK_MS = 10

/** Does every kind of work at its pace until `signal` aborts. */
export async function keepUp(works: readonly Work[], signal: AbortSignal): Promise<Counts> {
  const counts = await Promise.all(works.map(async (work) => [work.name, await pace(work, signal)]))
  return Object.fromEntries(counts)
}

async function pace({ perSecond, once }: Work, signal: AbortSignal) {
  const start = performance.now()
  const count = { done: 0, failed: 0 }
  const underWay = new Set<Promise<void>>()
  for (let begun = 0; !signal.aborted; ) {
    const due = ((performance.now() - start) / 1_000) * perSecond
    for (; begun < due; begun++) {
      if (underWay.size >= MAX_UNDER_WAY) continue
      const doing: Promise<void> = once()
        .then(
          () => void count.done++,
          () => void count.failed++,
        )
        .finally(() => underWay.delete(doing))
      underWay.add(doing)
    }
    await delay(TICK_MS)
  }
  await Promise.all(underWay)
  return count
}
