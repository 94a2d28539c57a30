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

/** Groups items, each of some size, into lists that hold at most `maxItems` and about `maxSize`. */
export async function* inBatches<Item>(
  source: AsyncIterable<Item>,
  sizeOf: (item: Item) => number,
  { maxItems, maxSize }: { readonly maxItems: number; readonly maxSize: number },
): AsyncGenerator<Item[]> {
  let batch: Item[] = []
  let size = 0
  for await (const item of source) {
    batch.push(item)
    size += sizeOf(item)
    if (batch.length < maxItems && size < maxSize) continue
    yield batch
    batch = []
    size = 0
  }
  if (batch.length > 0) yield batch
}
