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

/** Columns of `catalogue_entries`; 64-bit numbers as text, because they travel as JSON. */
export type EntryRow = EntryKey & {
  readonly content_hash: string
  readonly revision: string
  readonly position: string
  readonly entry: string
  readonly problems: readonly string[]
  readonly status: string
  readonly is_latest: boolean
  readonly published_at: string | null
  readonly updated_at: string
  readonly version_key: string
}

/** What left a source: the row stays, for the revision of its stream. */
export type GoneRow = EntryKey & { readonly revision: string; readonly position: string }

/** A place in the log that belongs to a source. */
export type SourcePlaceRow = {
  readonly tenant_id: string
  readonly source_id: string
  readonly position: string
}

export type FoldedBatch = {
  readonly listed: readonly EntryRow[]
  readonly gone: readonly GoneRow[]
  readonly sources: readonly SourcePlaceRow[]
  /** The newest entry event of each source. */
  readonly newest: readonly SourcePlaceRow[]
}

/** The last word on every key of the batch. Pure. */
export function foldBatch(batch: readonly (readonly [CatalogueEvent, EventMeta])[]): FoldedBatch {
  const listed = new Map<string, EntryRow>()
  const gone = new Map<string, GoneRow>()
  const sources = new Map<string, SourcePlaceRow>()
  const newest = new Map<string, SourcePlaceRow>()
  for (const [event, meta] of batch) {
    const place = placeOfSource(event, meta)
    if (event.type !== 'RegistrySourceAdded')
      newest.set(`${place.tenant_id}/${place.source_id}`, place)
    switch (event.type) {
      case 'CatalogueEntryAdded':
      case 'CatalogueEntryChanged':
        listed.set(meta.stream, entryRow(event, meta))
        gone.delete(meta.stream)
        break
      case 'CatalogueEntryRemoved':
        gone.set(meta.stream, { ...keyOf(event, meta), ...placeOf(meta) })
        listed.delete(meta.stream)
        break
      case 'RegistrySourceAdded':
        sources.set(meta.stream, place)
        break
    }
  }
  return {
    listed: [...listed.values()],
    gone: [...gone.values()],
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

function entryRow(
  event: Exclude<CatalogueEntryEvent, { readonly type: 'CatalogueEntryRemoved' }>,
  meta: EventMeta,
): EntryRow {
  const { entry, contentHash, problems, version } = event.data
  const official = officialMeta(entry)
  return {
    ...keyOf(event, meta),
    ...placeOf(meta),
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
