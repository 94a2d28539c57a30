import type {
  PageEntries,
  SeenPage,
  SeenWalk,
  SourceKey,
  SyncLedger,
  SyncProgress,
} from '../ports/sync-ledger.ts'
import {
  type UpstreamAddress,
  UpstreamError,
  type UpstreamRegistry,
} from '../ports/upstream-registry.ts'
import { keyOf, type Mirror } from './mirror.ts'
import { type ObservedEntry, observe } from './observed-entry.ts'
import { type WalkedPage, walkPages } from './page-walk.ts'
import type { SyncLimits } from './sync-limits.ts'

/** Entries judged at a stretch before the event loop gets its turn: a file is one page of any length. */
const SLICE = 200
const MAX_SLICES_IN_FLIGHT = 4
/** A catalogue of this size that loses more than half of it at once looks like a broken upstream. */
const SHRINK_GUARD_FROM = 100

export type Reconciling = {
  readonly source: SourceKey
  readonly address: UpstreamAddress
  readonly upstream: UpstreamRegistry
  readonly ledger: SyncLedger
  readonly mirror: Mirror
  readonly limits: SyncLimits
  readonly signal: AbortSignal
  /** Of the last run that completed. */
  readonly updatedSince: string | undefined
  readonly acceptShrink: boolean
  /** Log position of the source's newest entry event before this run; 0n when it has none. */
  readonly startPosition: bigint
  readonly progress: { -readonly [Fact in keyof SyncProgress]: SyncProgress[Fact] }
}

export type Reconciled = Pick<SeenPage, 'entries' | 'invalid' | 'refused' | 'newestUpdatedAt'>

/**
 * Makes the mirror equal to the upstream: first what the upstream says is new, so that news is
 * visible fast, then every page, compared by content, because upstreams rewrite entries
 * without saying so. What a complete walk did not show left the source.
 */
export async function reconcile(
  run: Reconciling,
  known: SeenWalk | undefined,
): Promise<Reconciled> {
  run.progress.phase = 'news'
  const touched = await readNews(run)
  run.progress.phase = 'walk'
  return new Walk(run, known, touched).complete()
}

/** @returns keys of the entries that differed. */
async function readNews(run: Reconciling): Promise<ReadonlySet<string>> {
  const { updatedSince } = run
  const touched = new Set<string>()
  if (run.address.kind === 'file' || updatedSince === undefined) return touched
  const since = Date.parse(updatedSince)
  try {
    for await (const page of walkPages({ ...walkOptions(run), updatedSince })) {
      const observed = page
        .read()
        .entries.map(observe)
        .filter((each) => typeof each !== 'string')
      // An upstream that does not know the parameter shows everything: the walk will do.
      if (observed.some(({ updatedAt }) => Date.parse(updatedAt ?? '') < since)) break
      for (const key of await run.mirror.observe(firstOfEach(observed))) touched.add(key)
    }
  } catch (error) {
    // One that refuses the parameter may still show the pages.
    if (!(error instanceof UpstreamError && error.code === 'upstream-status')) throw error
  }
  return touched
}

function walkOptions({ upstream, address, limits, signal, progress }: Reconciling) {
  return {
    upstream,
    address,
    limits,
    signal,
    onPage: (bytes: number) => {
      progress.pages++
      progress.bytes += bytes
    },
  }
}

function firstOfEach(observed: readonly ObservedEntry[]): ObservedEntry[] {
  const first = new Map<string, ObservedEntry>()
  for (const entry of observed) if (!first.has(keyOf(entry))) first.set(keyOf(entry), entry)
  return [...first.values()]
}

/** One walk over all pages. Where an upstream shows an entry twice, the first one counts. */
class Walk {
  readonly #run: Reconciling
  readonly #known: SeenWalk | undefined
  readonly #touched: ReadonlySet<string>
  readonly #seen = new Set<string>()
  readonly #pages: SeenPage[] = []
  readonly #changedPages = new Map<string, { name: string; version: string }[]>()
  /** Undefined as long as every page was what it was last time. */
  #lastEntries: PageEntries | undefined
  readonly #applying: Promise<unknown>[] = []
  #idlePages = 0

  constructor(run: Reconciling, known: SeenWalk | undefined, touched: ReadonlySet<string>) {
    this.#run = run
    this.#known = known
    this.#touched = touched
  }

  async complete(): Promise<Reconciled> {
    if (this.#touched.size > 0) await this.#compareWithLastWalk()
    const lastTime = new Map(this.#known?.pages.map((page) => [page.cursor, page]))
    for await (const page of walkPages({ ...walkOptions(this.#run), lastTime })) {
      if (page.unchanged !== undefined && !this.#isTouched(page.cursor)) this.#skip(page.unchanged)
      else await this.#take(page)
      this.#run.signal.throwIfAborted()
    }
    await Promise.all(this.#applying)
    if (this.#lastEntries !== undefined) {
      await this.#removeUnseen()
      await this.#remember()
    }
    return sumOf(this.#pages)
  }

  async #compareWithLastWalk(): Promise<void> {
    if (this.#lastEntries !== undefined) return
    const { ledger, source, mirror } = this.#run
    this.#lastEntries =
      this.#known === undefined ? new Map() : await ledger.entriesOfLastWalk(source)
    await mirror.loadAll()
    for (const { cursor } of this.#pages) this.#addSeen(cursor)
  }

  /** Whether the news already changed an entry of this page: then its bytes prove nothing. */
  #isTouched(cursor: string): boolean {
    if (this.#touched.size === 0) return false
    return (this.#lastEntries?.get(cursor) ?? []).some((key) => this.#touched.has(keyOf(key)))
  }

  #skip(page: SeenPage): void {
    this.#pages.push(page)
    this.#run.progress.entries += page.entries
    if (this.#lastEntries !== undefined) this.#addSeen(page.cursor)
  }

  #addSeen(cursor: string): void {
    for (const key of this.#lastEntries?.get(cursor) ?? []) this.#seen.add(keyOf(key))
  }

  async #take(page: WalkedPage): Promise<void> {
    await this.#compareWithLastWalk()
    const { entries } = page.read()
    const sums = { entries: 0, invalid: 0, refused: 0, repeated: 0 }
    const keys: { name: string; version: string }[] = []
    let newest: string | undefined
    for (let start = 0; start < entries.length; start += SLICE) {
      const fresh: ObservedEntry[] = []
      for (const entry of entries.slice(start, start + SLICE)) {
        const observed = observe(entry)
        sums.entries++
        if (typeof observed === 'string') sums.refused++
        else if (this.#seen.has(keyOf(observed))) sums.repeated++
        else {
          this.#seen.add(keyOf(observed))
          fresh.push(observed)
          keys.push({ name: observed.name, version: observed.version })
          if (observed.problems.length > 0) sums.invalid++
          newest = newer(newest, observed.updatedAt)
        }
      }
      await this.#apply(fresh)
    }
    this.#guardAgainstIdling(page, keys.length)
    const { repeated, ...counts } = sums
    const { cursor, nextCursor } = page
    const bodyHash = repeated === 0 ? page.bodyHash : ''
    this.#pages.push({ cursor, nextCursor, bodyHash, newestUpdatedAt: newest, ...counts })
    this.#changedPages.set(cursor, keys)
    this.#run.progress.entries += counts.entries
  }

  /** The appends of some slices run while the next ones are fetched and judged: no two have an entry in common. */
  async #apply(fresh: readonly ObservedEntry[]): Promise<void> {
    if (this.#applying.length >= MAX_SLICES_IN_FLIGHT) await this.#applying.shift()
    const applying = this.#run.mirror.observe(fresh)
    // Awaited in its turn or at the end; a failed fetch in between must not leave it unheard.
    applying.catch(() => {})
    this.#applying.push(applying)
  }

  #guardAgainstIdling({ nextCursor }: WalkedPage, fresh: number): void {
    this.#idlePages = fresh === 0 && nextCursor !== undefined ? this.#idlePages + 1 : 0
    if (this.#idlePages > this.#run.limits.maxIdlePages)
      throw new UpstreamError(
        'upstream-cursor-loop',
        `It gave ${this.#idlePages} pages in a row without a new entry.`,
      )
  }

  async #removeUnseen(): Promise<void> {
    const { mirror, progress, acceptShrink } = this.#run
    progress.phase = 'removals'
    const listed = mirror.listed()
    const unseen = listed.filter((key) => !this.#seen.has(keyOf(key)))
    const tooMany = listed.length >= SHRINK_GUARD_FROM && unseen.length > listed.length / 2
    if (!acceptShrink && unseen.length > 0 && (this.#seen.size === 0 || tooMany))
      throw new UpstreamError(
        'upstream-shrank',
        `It no longer lists ${unseen.length} of ${listed.length} entries. If that is right, sync again with "acceptShrink".`,
      )
    await mirror.observeAbsence(unseen)
  }

  async #remember(): Promise<void> {
    const { mirror, ledger, source, startPosition } = this.#run
    const { newestPosition } = mirror
    const cataloguePosition = newestPosition > startPosition ? newestPosition : startPosition
    await ledger.saveWalk(source, { pages: this.#pages, cataloguePosition }, this.#changedPages)
  }
}

function sumOf(pages: readonly SeenPage[]): Reconciled {
  return pages.reduce<Reconciled>(
    (sum, page) => ({
      entries: sum.entries + page.entries,
      invalid: sum.invalid + page.invalid,
      refused: sum.refused + page.refused,
      newestUpdatedAt: newer(sum.newestUpdatedAt, page.newestUpdatedAt),
    }),
    { entries: 0, invalid: 0, refused: 0, newestUpdatedAt: undefined },
  )
}

function newer(one: string | undefined, other: string | undefined): string | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return Date.parse(other) > Date.parse(one) ? other : one
}
