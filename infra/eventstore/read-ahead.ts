/**
 * Asks for the next item while the last one is still being worked on.
 *
 * @param leave called when no further item is wanted, to end a source that waits for one.
 */
export async function* readAhead<Item>(
  source: AsyncIterable<Item>,
  leave: () => void = () => {},
): AsyncGenerator<Item> {
  const iterator = source[Symbol.asyncIterator]()
  try {
    let next = iterator.next()
    for (;;) {
      const result = await next
      if (result.done === true) return
      next = iterator.next()
      // Reported when its turn comes.
      next.catch(() => {})
      yield result.value
    }
  } finally {
    leave()
    await iterator.return?.()
  }
}
