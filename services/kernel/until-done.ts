import { setTimeout as delay } from 'node:timers/promises'

/**
 * Does `work` again and again, with `pauseMs` between, until it ends well or `signal` aborts.
 *
 * @param tell of a failure that is not the abort.
 * @returns undefined when `signal` aborted before.
 */
export async function untilDone<Result>(
  work: () => Promise<Result>,
  pauseMs: number,
  signal: AbortSignal,
  tell: (error: unknown) => void,
): Promise<Result | undefined> {
  while (!signal.aborted) {
    try {
      return await work()
    } catch (error) {
      if (!signal.aborted) tell(error)
      await delay(pauseMs, undefined, { signal }).catch(() => {})
    }
  }
  return undefined
}
