import { setTimeout as delay } from 'node:timers/promises'

/**
 * Does `work` again and again, with a pause between, until it ends well or `signal` aborts.
 *
 * @param pauseAfter ms to wait after so many failures in a row, from 1.
 * @param tell of a failure that is not the abort.
 * @returns undefined when `signal` aborted before.
 */
export async function untilDone<Result>(
  work: () => Promise<Result>,
  pauseAfter: (failures: number) => number,
  signal: AbortSignal,
  tell: (error: unknown) => void,
): Promise<Result | undefined> {
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      return await work()
    } catch (error) {
      if (!signal.aborted) tell(error)
      await delay(pauseAfter(failures), undefined, { signal }).catch(() => {})
    }
  }
  return undefined
}
