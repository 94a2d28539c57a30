import type { EventMeta } from '../../domain/kernel/event.ts'
import type { CatalogueEntryEvent, RegistrySourceEvent } from '../../domain/registry/events.ts'
import { officialMeta } from '../marketplace/service-document.ts'
import { versionKey } from './version-key.ts'

export type CatalogueEvent =
  | CatalogueEntryEvent
  | Extract<RegistrySourceEvent, { readonly type: 'RegistrySourceAdded' }>

type EntryKey = {
  readonly tenant_id: string
  readonly source_id: string
  readonly name: string
  readonly version: string
}

/**
 * Columns of `catalogue_entries`; 64-bit numbers as text, because they travel as JSON. What left
 * its source keeps a row, for the revision of its stream. A row follows from one event alone.
 */
export type EntryRow = EntryKey & {
  readonly present: boolean
  readonly content_hash: string
  readonly revision: string
  readonly position: string
  readonly entry: string | null
  readonly problems: readonly string[]
  readonly status: string
  readonly is_latest: boolean
  readonly published_at: string | null
  readonly updated_at: string
  readonly version_key: string
}

/** A place in the log that belongs to a source. */
export type SourcePlaceRow = {
  readonly tenant_id: string
  readonly source_id: string
  readonly position: string
}

export type FoldedBatch = {
  readonly entries: readonly EntryRow[]
  readonly sources: readonly SourcePlaceRow[]
  /** The newest entry event of each source. */
  readonly newest: readonly SourcePlaceRow[]
}

/** The last word on every key of the batch. Pure. */
export function foldBatch(batch: readonly (readonly [CatalogueEvent, EventMeta])[]): FoldedBatch {
  const entries = new Map<string, EntryRow>()
  const sources = new Map<string, SourcePlaceRow>()
  const newest = new Map<string, SourcePlaceRow>()
  for (const [event, meta] of batch) {
    const place = placeOfSource(event, meta)
    if (event.type !== 'RegistrySourceAdded')
      newest.set(`${place.tenant_id}/${place.source_id}`, place)
    switch (event.type) {
      case 'CatalogueEntryAdded':
      case 'CatalogueEntryChanged':
        entries.set(meta.stream, listedRow(event, meta))
        break
      case 'CatalogueEntryRemoved':
        entries.set(meta.stream, goneRow(event, meta))
        break
      case 'RegistrySourceAdded':
        sources.set(meta.stream, place)
        break
    }
  }
  return {
    entries: [...entries.values()],
    sources: [...sources.values()],
    newest: [...newest.values()],
  }
}

function placeOfSource({ data }: CatalogueEvent, meta: EventMeta): SourcePlaceRow {
  return {
    tenant_id: meta.tenantId,
    source_id: data.sourceId,
    position: meta.position.toString(),
  }
}

type Removed = Extract<CatalogueEntryEvent, { readonly type: 'CatalogueEntryRemoved' }>

function listedRow(event: Exclude<CatalogueEntryEvent, Removed>, meta: EventMeta): EntryRow {
  const { entry, contentHash, problems, version } = event.data
  const official = officialMeta(entry)
  return {
    ...keyOf(event, meta),
    ...placeOf(meta),
    present: true,
    content_hash: contentHash,
    entry: JSON.stringify(entry),
    problems,
    status: official.status,
    is_latest: official.isLatest,
    published_at: official.publishedAt,
    updated_at: official.updatedAt ?? official.publishedAt ?? meta.time,
    version_key: versionKey(version),
  }
}

function goneRow(event: Removed, meta: EventMeta): EntryRow {
  return {
    ...keyOf(event, meta),
    ...placeOf(meta),
    present: false,
    content_hash: event.data.previousHash,
    entry: null,
    problems: [],
    status: 'deleted',
    is_latest: false,
    published_at: null,
    updated_at: meta.time,
    version_key: versionKey(event.data.version),
  }
}

function keyOf({ data }: CatalogueEntryEvent, { tenantId }: EventMeta): EntryKey {
  return {
    tenant_id: tenantId,
    source_id: data.sourceId,
    name: data.name,
    version: data.version,
  }
}

function placeOf({ revision, position }: EventMeta) {
  return { revision: revision.toString(), position: position.toString() }
}
