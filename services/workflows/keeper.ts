import type { HoldLease } from '../ports/lease.ts'
import { type TimerDeps, Timers } from './timers.ts'
import { type WatchDeps, watchLog } from './watch.ts'

export type WaitKeeperDeps = WatchDeps &
  TimerDeps & {
    readonly hold: HoldLease
  }

/**
 * Tells runs what they wait for: that a time has come, that an event has happened. Any number of
 * processes may do it, one of them works; one that lost its lease unnoticed records nothing twice,
 * because a run knows what it has been told.
 */
export async function keepWaits(deps: WaitKeeperDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) await deps.hold(signal, (held) => keep(deps, held))
}

async function keep(deps: WaitKeeperDeps, signal: AbortSignal): Promise<void> {
  const ended = new AbortController()
  const either = AbortSignal.any([signal, ended.signal])
  const timers = new Timers(deps)
  // When one fails both end, and are begun again together.
  const parts = [timers.run(either), watchLog(deps, () => timers.tellNews(), either)].map((part) =>
    part.finally(() => ended.abort()),
  )
  const ends = await Promise.allSettled(parts)
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
