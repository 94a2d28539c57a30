import type { Expectation, Failure, ProposedEvent } from './log.ts'

/** 80,000 later events: the id is still known; 120,000: forgotten. */
const CAPACITY = 100_000

type Place = { readonly stream: string; readonly revision: bigint }

/** The server's bounded table of recent ids. An id keeps the place of its first use. */
export class KnownIds {
  readonly #places = new Map<string, Place>()
  /** A ring, in the order of adding. */
  readonly #ids: string[] = []
  #next = 0

  add(id: string, place: Place): void {
    if (this.#places.has(id)) return
    const oldest = this.#ids[this.#next]
    if (oldest !== undefined) this.#places.delete(oldest)
    this.#places.set(id, place)
    this.#ids[this.#next] = id
    this.#next = (this.#next + 1) % CAPACITY
  }

  revisionIn(stream: string, id: string): bigint | undefined {
    const place = this.#places.get(id)
    return place?.stream === stream ? place.revision : undefined
  }

  clear(): void {
    this.#places.clear()
  }
}

export type Existing = {
  readonly stream: string
  /** By revision. */
  readonly ids: readonly string[]
  readonly hasMetadata: boolean
  readonly softDeleted: boolean
}

export type Verdict =
  | Failure
  | { readonly kind: 'write' }
  | { readonly kind: 'repeated'; readonly revision: bigint }

/**
 * Whether an append is written, is a repetition, or is refused: sections 1 and 2 of the
 * observed behaviour.
 */
export function idempotency(
  existing: Existing,
  proposed: readonly ProposedEvent[],
  expectation: Expectation,
  known: KnownIds,
): Verdict {
  const last = BigInt(existing.ids.length) - 1n
  const refused: Verdict = {
    kind: 'wrong-expected-version',
    actual: last < 0n ? 'no_stream' : last,
  }
  if (expectation === 'any') return byTable(existing, proposed, known, refused)
  if (expectation === 'stream_exists') {
    if (existing.softDeleted) return { kind: 'stream-deleted' }
    const exists = last >= 0n || existing.hasMetadata
    return exists ? byTable(existing, proposed, known, refused) : refused
  }
  const expected = expectation === 'no_stream' ? -1n : expectation
  if (expected > last) return refused
  if (expected < last) return byStoredIds(existing, proposed, expected, refused)
  return proposed.length === 0 ? repetition(last) : { kind: 'write' }
}

/** No exact revision: only ids that the table still holds make a repetition. */
function byTable(
  existing: Existing,
  proposed: readonly ProposedEvent[],
  known: KnownIds,
  refused: Verdict,
): Verdict {
  let revision: bigint | undefined
  for (const { id } of proposed) {
    const found = known.revisionIn(existing.stream, id)
    if (found === undefined) return revision === undefined ? { kind: 'write' } : refused
    revision = found
  }
  return repetition(revision ?? BigInt(existing.ids.length) - 1n)
}

/** An exact revision in the past: a repetition when the very ids follow it. */
function byStoredIds(
  existing: Existing,
  proposed: readonly ProposedEvent[],
  expected: bigint,
  refused: Verdict,
): Verdict {
  const first = Number(expected) + 1
  if (proposed.length === 0) return refused
  const differs = proposed.findIndex(({ id }, index) => existing.ids[first + index] !== id)
  if (differs === -1) return repetition(expected + BigInt(proposed.length))
  const undeletes = differs === 0 && expected === -1n && existing.softDeleted
  return undeletes ? { kind: 'write' } : refused
}

function repetition(revision: bigint): Verdict {
  return { kind: 'repeated', revision: revision < 0n ? 0n : revision }
}
