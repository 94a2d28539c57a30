import type { ReadFreshness } from '../ports/read-freshness.ts'

/** Nobody waits for the read models of a process that stops: it would hold up its end. */
export function untilStopping(freshness: ReadFreshness, stopping: AbortSignal): ReadFreshness {
  return {
    reached: () => freshness.reached(),
    standingStill: () => freshness.standingStill(),
    async waitFor(position, timeoutMs, awaited) {
      if (stopping.aborted) return false
      let give: () => void = () => {}
      const stopped = new Promise<false>((resolve) => {
        give = () => resolve(false)
        stopping.addEventListener('abort', give)
      })
      const waited = freshness.waitFor(position, timeoutMs, awaited)
      return await Promise.race([waited, stopped]).finally(() =>
        stopping.removeEventListener('abort', give),
      )
    },
  }
}
