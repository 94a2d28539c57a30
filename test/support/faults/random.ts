export type Random = {
  /** From 0 up to, not including, `below`. */
  readonly integer: (below: number) => number
  readonly pick: <Item>(items: readonly Item[]) => Item
  /** The items in another order. */
  readonly shuffled: <Item>(items: readonly Item[]) => Item[]
}

/** The same numbers for the same seed (mulberry32). */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const integer = (below: number) => Math.floor(next() * below)
  return {
    integer,
    pick: (items) => items[integer(items.length)] as (typeof items)[number],
    shuffled(items) {
      const left = [...items]
      return items.map(() => left.splice(integer(left.length), 1)[0] as (typeof items)[number])
    },
  }
}
