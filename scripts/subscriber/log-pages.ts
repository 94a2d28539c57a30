import type { Api } from '../../services/cli/api.ts'
import { RefusedError } from '../../services/cli/failure.ts'
import type { Counts, Seen } from './counts.ts'

const PAGE = 1_000

/** The log that answers is not the one that was counted: what to do about it, only a person knows. */
export class OtherLogError extends Error {
  override readonly name = 'OtherLogError'
}

type Page = {
  readonly items: readonly {
    readonly position: string
    readonly id: string
    readonly type: string
  }[]
}

/** Counts what the log has after the last counted event, up to `before`, exclusive, or its end. */
export async function countFromLog(api: Api, counts: Counts, before?: bigint): Promise<void> {
  for (;;) {
    const events = await eventsAfter(api, counts.position, PAGE)
    for (const event of events) {
      if (before !== undefined && event.position >= before) return
      counts.apply(event)
    }
    if (events.length === 0) return
    counts.save()
  }
}

/** @throws {OtherLogError} when the log does not have the last counted event where it was. */
export async function checkSameLog(api: Api, { position, eventId }: Counts): Promise<void> {
  if (position === 0n) return
  const [event] = await eventsAfter(api, position - 1n, 1)
  if (event?.position !== position || event.id !== eventId) throw new OtherLogError()
}

async function eventsAfter(api: Api, after: bigint, limit: number): Promise<readonly Seen[]> {
  try {
    const { items } = await api.get<Page>('/v1/events', { after: after.toString(), limit })
    return items.map(({ position, id, type }) => ({ position: BigInt(position), id, type }))
  } catch (error) {
    if (error instanceof RefusedError && error.problem.code === 'position-beyond-log')
      throw new OtherLogError()
    throw error
  }
}
