import type { FeedBatch } from '../../services/ports/event-store.ts'

/**
 * From so many events on, reading the next batch meanwhile gains more than it costs. A smaller
 * one means that the reader has caught up: what is read later then holds more, and whoever waits
 * for an event of it waits for one batch instead of for all that were read ahead.
 */
const WORTH_READING_AHEAD = 256

export type ReadAheadOptions<Item> = {
  /** Called when no further item is wanted, to end a source that waits for one. */
  readonly leave?: () => void
  /** Whether the item after this one is asked for before this one is done with; by default each is. */
  readonly isWorthIt?: (item: Item) => boolean
}

/** Asks for the next item while the last one is still being worked on. */
export async function* readAhead<Item>(
  source: AsyncIterable<Item>,
  { leave = () => {}, isWorthIt = () => true }: ReadAheadOptions<Item> = {},
): AsyncGenerator<Item> {
  const iterator = source[Symbol.asyncIterator]()
  try {
    let next: Promise<IteratorResult<Item>> | undefined
    for (;;) {
      const result = await (next ?? iterator.next())
      if (result.done === true) return
      next = isWorthIt(result.value) ? iterator.next() : undefined
      // Reported when its turn comes.
      next?.catch(() => {})
      yield result.value
    }
  } finally {
    leave()
    await iterator.return?.()
  }
}

/** For followers of the log. */
export function isLarge({ events }: FeedBatch): boolean {
  return events.length >= WORTH_READING_AHEAD
}
