import type { ReadFreshness } from '../ports/read-freshness.ts'

/** Nobody waits for the read models of a process that stops: it would hold up its end. */
export function untilStopping(freshness: ReadFreshness, stopping: AbortSignal): ReadFreshness {
  return {
    reached: () => freshness.reached(),
    async waitFor(position, timeoutMs) {
      if (stopping.aborted) return false
      let give: () => void = () => {}
      const stopped = new Promise<false>((resolve) => {
        give = () => resolve(false)
        stopping.addEventListener('abort', give)
      })
      const waited = freshness.waitFor(position, timeoutMs)
      return await Promise.race([waited, stopped]).finally(() =>
        stopping.removeEventListener('abort', give),
      )
    },
  }
}
