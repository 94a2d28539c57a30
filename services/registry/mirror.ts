import type { Kysely } from 'kysely'
import { v5 as uuidOf } from 'uuid'
import {
  catalogueEntry,
  type Entry,
  type EntryCommand,
  type EntryKey,
  type EntryState,
  entryStream,
} from '../../domain/registry/catalogue-entry.ts'
import type { CatalogueEntryEvent } from '../../domain/registry/events.ts'
import type { CatalogueTables } from '../../projections/registry/catalogue-tables.ts'
import { mirroredEntries, mirroredEntriesAt } from '../../projections/registry/mirror-state.ts'
import type { Cause } from '../kernel/cause.ts'
import { execute } from '../kernel/execute.ts'
import { type AppendContext, type EventStore, RevisionConflictError } from '../ports/event-store.ts'
import type { SourceKey } from '../ports/sync-ledger.ts'
import type { ObservedEntry } from './observed-entry.ts'

/** Namespace of entry events' ids (RFC 9562, version 5). */
const EVENT_NAMESPACE = '0f4a3ad1-6a0c-4b26-8d0f-3a8f5a0ce3b7'
/** Appends in flight at once: what the store's group commit puts into few transactions. */
const MAX_IN_FLIGHT = 500

export type MirrorDeps = {
  readonly events: EventStore
  readonly db: Kysely<CatalogueTables>
}

/** What the mirror holds of one entry; `contentHash` undefined = it left the source. */
type Known = { readonly revision: bigint; readonly contentHash: string | undefined }

export type ChangeCounts = { added: number; changed: number; removed: number }

/**
 * The one writer of a source's entry streams during a run. It knows each stream's revision from
 * the read model, so an append reads nothing; where that knowledge is outdated the store says
 * so and the stream itself decides. An event's id follows from its stream, revision and
 * content: recording the same change again is a retry.
 */
export class Mirror {
  readonly #counts: ChangeCounts
  readonly #deps: MirrorDeps
  readonly #source: SourceKey
  readonly #runId: string
  readonly #context: AppendContext
  readonly #known = new Map<string, Known>()
  #complete = false
  #newestPosition = 0n

  /** @param counts raised by one for each event that is recorded */
  constructor(
    deps: MirrorDeps,
    source: SourceKey,
    runId: string,
    cause: Cause,
    counts: ChangeCounts,
  ) {
    this.#counts = counts
    this.#deps = deps
    this.#source = source
    this.#runId = runId
    this.#context = {
      tenantId: source.tenantId,
      actorId: 'system:registry-sync',
      ...cause,
    }
  }

  /** Log position of the newest event that this run recorded; 0n when there was none. */
  get newestPosition(): bigint {
    return this.#newestPosition
  }

  /** Reads what the mirror holds of the whole source, once. */
  async loadAll(): Promise<void> {
    if (this.#complete) return
    for (const row of await mirroredEntries(this.#deps.db, this.#source)) this.#learn(row)
    this.#complete = true
  }

  /** Keys of everything that the source lists as far as the mirror knows; after `loadAll`. */
  listed(): EntryKey[] {
    return [...this.#known]
      .filter(([, { contentHash }]) => contentHash !== undefined)
      .map(([key]) => keyFrom(key))
  }

  /** Records what differs. @returns keys of the entries that did. */
  async observe(entries: readonly ObservedEntry[]): Promise<string[]> {
    if (!this.#complete) await this.#loadSome(entries)
    const differing = entries.filter(
      (entry) => this.#known.get(keyOf(entry))?.contentHash !== entry.contentHash,
    )
    const previous = await this.#textsOf(differing)
    await inGroups(differing, (observed) => {
      const { name, version, entry, contentHash, problems } = observed
      return this.#record(observed, {
        type: 'ObserveEntry',
        ...this.#base(),
        name,
        version,
        entry,
        contentHash,
        problems,
        previous: previous.get(keyOf(observed)),
      })
    })
    return differing.map(keyOf)
  }

  async observeAbsence(keys: readonly EntryKey[]): Promise<void> {
    await inGroups(keys, ({ name, version }) =>
      this.#record(
        { name, version, contentHash: undefined },
        { type: 'ObserveAbsence', ...this.#base(), name, version },
      ),
    )
  }

  #base() {
    return { sourceId: this.#source.sourceId, runId: this.#runId }
  }

  async #record(
    { contentHash, ...key }: EntryKey & { readonly contentHash: string | undefined },
    command: EntryCommand,
  ): Promise<void> {
    const known = this.#known.get(keyOf(key))
    const decision = catalogueEntry.decide(stateOf(known), command)
    // It refuses nothing, and what is as known needs no event.
    if (decision.outcome === 'rejected' || decision.events.length === 0) return
    const stream = entryStream(this.#context.tenantId, { ...this.#base(), ...key })
    const recorded = await this.#append(stream, decision.events, known, command)
    this.#known.set(keyOf(key), { revision: recorded.revision, contentHash })
    if (recorded.position > this.#newestPosition) this.#newestPosition = recorded.position
    if (recorded.isNew) this.#count(decision.events)
  }

  async #append(
    stream: string,
    events: readonly CatalogueEntryEvent[],
    known: Known | undefined,
    command: EntryCommand,
  ) {
    const next = (known?.revision ?? -1n) + 1n
    const numbered = events.map(({ type, data }) => {
      const content = 'contentHash' in data ? data.contentHash : 'gone'
      return { id: uuidOf(`${stream}/${next}/${content}`, EVENT_NAMESPACE), type, data }
    })
    try {
      const expected = known?.revision ?? 'no-stream'
      const appended = await this.#deps.events.append(stream, numbered, expected, this.#context)
      return { ...appended, isNew: true }
    } catch (error) {
      if (!(error instanceof RevisionConflictError)) throw error
      const { revision, position } = await execute(
        this.#deps.events,
        catalogueEntry,
        stream,
        command,
        this.#context,
      )
      return { revision: revision === 'no-stream' ? 0n : revision, position, isNew: false }
    }
  }

  #count(events: readonly CatalogueEntryEvent[]): void {
    for (const { type } of events) {
      if (type === 'CatalogueEntryAdded') this.#counts.added++
      else if (type === 'CatalogueEntryChanged') this.#counts.changed++
      else this.#counts.removed++
    }
  }

  async #loadSome(keys: readonly EntryKey[]): Promise<void> {
    const unknown = keys.filter((key) => !this.#known.has(keyOf(key))).map(onlyKey)
    for (const row of await mirroredEntriesAt(this.#deps.db, this.#source, unknown))
      this.#learn(row)
  }

  /** What this run recorded itself is newer than what the read model shows. */
  #learn(row: EntryKey & { present: boolean; content_hash: string; revision: bigint }): void {
    const key = keyOf(row)
    if (this.#known.has(key)) return
    const contentHash = row.present ? row.content_hash : undefined
    this.#known.set(key, { revision: row.revision, contentHash })
  }

  async #textsOf(keys: readonly EntryKey[]): Promise<ReadonlyMap<string, Entry>> {
    const listed = keys.filter((key) => this.#known.get(keyOf(key))?.contentHash !== undefined)
    const rows = await mirroredEntriesAt(this.#deps.db, this.#source, listed.map(onlyKey))
    return new Map(
      rows.flatMap((row) =>
        // A row that this run has overtaken says nothing about what differs now.
        row.entry === null || row.content_hash !== this.#known.get(keyOf(row))?.contentHash
          ? []
          : [[keyOf(row), JSON.parse(row.entry)]],
      ),
    )
  }
}

/** Names and versions hold no NUL. */
export function keyOf({ name, version }: EntryKey): string {
  return `${name}\0${version}`
}

function keyFrom(key: string): EntryKey {
  const end = key.indexOf('\0')
  return { name: key.slice(0, end), version: key.slice(end + 1) }
}

function onlyKey({ name, version }: EntryKey): EntryKey {
  return { name, version }
}

function stateOf(known: Known | undefined): EntryState {
  if (known?.contentHash === undefined) return { status: 'absent' }
  return { status: 'listed', contentHash: known.contentHash }
}

async function inGroups<Item>(
  items: readonly Item[],
  work: (item: Item) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < items.length; start += MAX_IN_FLIGHT)
    await Promise.all(items.slice(start, start + MAX_IN_FLIGHT).map(work))
}
