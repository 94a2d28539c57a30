import type { Conjunct } from './condition/conjuncts.ts'
import { member } from './condition/path.ts'

// Which rules can match an event at all, without asking each: by type, then by one field that has
// to have a certain value, then by one number that has to be above or below a bound. Rules that
// cannot be placed so are asked for every event of their types.

type Path = readonly (string | number)[]

/** `key` says which numbers are compared; `sign` -1 turns "below" into "above". */
type RangeKey = { readonly path: Path; readonly sign: 1 | -1 }

/** Entries that need at least their bound, in the order of the bounds. */
type RangeList<T> = { readonly range: RangeKey; readonly entries: { bound: number; item: T }[] }

class Bucket<T> {
  readonly #anyway = new Set<T>()
  readonly #ranges = new Map<string, RangeList<T>>()

  add(item: T, range: Range | undefined): void {
    if (range === undefined) {
      this.#anyway.add(item)
      return
    }
    const key = JSON.stringify(range.key)
    const list = this.#ranges.get(key) ?? { range: range.key, entries: [] }
    this.#ranges.set(key, list)
    list.entries.splice(firstAbove(list.entries, range.bound), 0, { bound: range.bound, item })
  }

  remove(item: T, range: Range | undefined): void {
    if (range === undefined) {
      this.#anyway.delete(item)
      return
    }
    const key = JSON.stringify(range.key)
    const entries = this.#ranges.get(key)?.entries ?? []
    const at = entries.findIndex((entry) => entry.item === item)
    if (at !== -1) entries.splice(at, 1)
    if (entries.length === 0) this.#ranges.delete(key)
  }

  collect(event: unknown, found: Set<T>): void {
    for (const item of this.#anyway) found.add(item)
    for (const { range, entries } of this.#ranges.values()) {
      const value = at(event, range.path)
      if (typeof value !== 'number') continue
      const signed = value * range.sign
      for (const { bound, item } of entries) {
        if (bound > signed) break
        found.add(item)
      }
    }
  }

  get isEmpty(): boolean {
    return this.#anyway.size === 0 && this.#ranges.size === 0
  }
}

function firstAbove(entries: readonly { readonly bound: number }[], bound: number): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((entries[middle]?.bound ?? 0) <= bound) low = middle + 1
    else high = middle
  }
  return low
}

function at(event: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, key) => member(value, key), event)
}

type Range = { readonly key: RangeKey; readonly bound: number }

/** Where a rule is filed: under each of the values of one field, or under none. */
type Placement = {
  readonly field: { readonly key: string; readonly path: Path } | undefined
  readonly values: readonly unknown[]
  readonly range: Range | undefined
}

/** Of one type: for each field that rules go by, a bucket a value. */
class TypeIndex<T> {
  readonly #anyway = new Bucket<T>()
  readonly #fields = new Map<string, { path: Path; buckets: Map<unknown, Bucket<T>> }>()

  add(item: T, { field, values, range }: Placement): void {
    if (field === undefined) {
      this.#anyway.add(item, range)
      return
    }
    const of = this.#fields.get(field.key) ?? { path: field.path, buckets: new Map() }
    this.#fields.set(field.key, of)
    for (const value of values) {
      const bucket = of.buckets.get(value) ?? new Bucket<T>()
      of.buckets.set(value, bucket)
      bucket.add(item, range)
    }
  }

  remove(item: T, { field, values, range }: Placement): void {
    if (field === undefined) {
      this.#anyway.remove(item, range)
      return
    }
    const of = this.#fields.get(field.key)
    for (const value of values) {
      const bucket = of?.buckets.get(value)
      bucket?.remove(item, range)
      if (bucket?.isEmpty) of?.buckets.delete(value)
    }
    if (of?.buckets.size === 0) this.#fields.delete(field.key)
  }

  collect(event: unknown, found: Set<T>): void {
    this.#anyway.collect(event, found)
    for (const { path, buckets } of this.#fields.values())
      buckets.get(at(event, path))?.collect(event, found)
  }
}

export class RuleIndex<T> {
  readonly #types = new Map<string, TypeIndex<T>>()
  readonly #placed = new Map<T, { readonly on: readonly string[]; readonly placement: Placement }>()

  /** Of an item that is there already, the place is changed. */
  add(item: T, on: readonly string[], conjuncts: readonly Conjunct[]): void {
    this.remove(item)
    const placement = placementOf(conjuncts)
    this.#placed.set(item, { on, placement })
    for (const type of on) {
      const index = this.#types.get(type) ?? new TypeIndex<T>()
      this.#types.set(type, index)
      index.add(item, placement)
    }
  }

  remove(item: T): void {
    const placed = this.#placed.get(item)
    for (const type of placed?.on ?? [])
      this.#types.get(type)?.remove(item, placed?.placement as Placement)
    this.#placed.delete(item)
  }

  /** Everything whose condition can be true of the event, and little else. */
  candidates(type: string, event: unknown): ReadonlySet<T> {
    const found = new Set<T>()
    this.#types.get(type)?.collect(event, found)
    return found
  }
}

/** A subject says more than any other field; a field with few values more than one with many. */
function placementOf(conjuncts: readonly Conjunct[]): Placement {
  const [field] = conjuncts
    .filter((each) => each.kind === 'one-of')
    .toSorted((a, b) => rank(a) - rank(b))
  const range = conjuncts.find((each) => each.kind !== 'one-of')
  return {
    field: field && { key: JSON.stringify(field.path), path: field.path },
    values: field === undefined ? [] : [...new Set(field.values)],
    range: range && rangeOf(range),
  }
}

function rank({ path, values }: Conjunct & { readonly kind: 'one-of' }): number {
  const [first, second] = path
  if (first === 'type') return 1_000_000
  const telling = first === 'subject' || (typeof second === 'string' && /(Id|^name)$/.test(second))
  return values.length + (telling ? 0 : 10_000)
}

function rangeOf({ kind, path, bound }: Conjunct & { readonly kind: 'above' | 'below' }): Range {
  const sign = kind === 'above' ? 1 : -1
  return { key: { path, sign }, bound: bound * sign }
}
