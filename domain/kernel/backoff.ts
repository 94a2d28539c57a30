/**
 * Exponential backoff.
 *
 * @param failures in a row so far, from 0.
 * @returns how long to wait before the next try, from `minMs` to `maxMs`.
 */
export function backoff(failures: number, minMs: number, maxMs: number): number {
  return Math.min(maxMs, minMs * 2 ** Math.min(failures, 10))
}
