import { Type } from 'typebox'
import type { EventOf } from '../kernel/event.ts'
import { firstVersion } from '../kernel/upcast.ts'

// These names and shapes are the storage format. A published version is never edited:
// add V2 beside it and the upcaster that leads to it.

const instant = Type.String({ format: 'date-time' })
const sourceId = Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' })
const runId = Type.String({ format: 'uuid' })
const contentHash = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'SHA-256 of the entry as canonical JSON (RFC 8785)',
})
const count = Type.Integer({ minimum: 0 })

export const RegistrySourceAddedV1 = Type.Object(
  {
    sourceId,
    name: Type.String({ minLength: 1, maxLength: 200 }),
    kind: Type.Union([Type.Literal('official'), Type.Literal('file')]),
    location: Type.String({ description: 'base URL of the registry, or path of the snapshot' }),
    syncIntervalSeconds: Type.Integer({ minimum: 60 }),
    addedAt: instant,
  },
  { $id: 'registry.RegistrySourceAdded.v1', additionalProperties: false },
)

export const RegistrySourceRemovedV1 = Type.Object(
  { sourceId, removedAt: instant },
  { $id: 'registry.RegistrySourceRemoved.v1', additionalProperties: false },
)

export const RegistrySyncStartedV1 = Type.Object(
  {
    sourceId,
    runId,
    trigger: Type.Union([Type.Literal('schedule'), Type.Literal('request')]),
    acceptShrink: Type.Optional(
      Type.Boolean({ description: 'the caller expects the upstream to list far fewer entries' }),
    ),
    startedAt: instant,
  },
  { $id: 'registry.RegistrySyncStarted.v1', additionalProperties: false },
)

const progress = {
  pages: count,
  bytes: count,
  /** Real changes that were recorded, one event each. */
  added: count,
  changed: count,
  removed: count,
  durationMs: Type.Number({ minimum: 0 }),
}

export const RegistrySyncCompletedV1 = Type.Object(
  {
    sourceId,
    runId,
    ...progress,
    unchanged: count,
    /** Entries that fail their own schema: kept and flagged. */
    invalid: count,
    /** Entries that cannot be kept: without a name, too large, too deep. */
    refused: count,
    /** What the next run asks for with `updated_since`. */
    newestUpdatedAt: Type.Optional(Type.String()),
    completedAt: instant,
  },
  { $id: 'registry.RegistrySyncCompleted.v1', additionalProperties: false },
)

/** The catalogue stays as it was before the run, plus what the run recorded before it failed. */
export const RegistrySyncFailedV1 = Type.Object(
  {
    sourceId,
    runId,
    ...progress,
    code: Type.String({ description: 'stable, kebab-case' }),
    cause: Type.String({ maxLength: 1_000, description: 'one sentence for a person' }),
    failedAt: instant,
  },
  { $id: 'registry.RegistrySyncFailed.v1', additionalProperties: false },
)

/** `entry` is a third party's text, kept exactly: data, never instructions. */
const entryState = {
  sourceId,
  runId,
  name: Type.String({ minLength: 1, maxLength: 300 }),
  version: Type.String({ maxLength: 300 }),
  contentHash,
  entry: Type.Record(Type.String(), Type.Unknown()),
  /** Why the entry fails the schema that it names; empty when it does not. */
  problems: Type.Array(Type.String({ maxLength: 500 }), { maxItems: 20 }),
}

export const CatalogueEntryAddedV1 = Type.Object(entryState, {
  $id: 'registry.CatalogueEntryAdded.v1',
  additionalProperties: false,
})

export const CatalogueEntryChangedV1 = Type.Object(
  {
    ...entryState,
    previousHash: contentHash,
    /** Top-level members of `server` and `_meta` that differ. */
    changedFields: Type.Array(Type.String()),
  },
  { $id: 'registry.CatalogueEntryChanged.v1', additionalProperties: false },
)

/** The upstream no longer lists the entry. */
export const CatalogueEntryRemovedV1 = Type.Object(
  {
    sourceId,
    runId,
    name: Type.String({ minLength: 1, maxLength: 300 }),
    version: Type.String({ maxLength: 300 }),
    previousHash: contentHash,
  },
  { $id: 'registry.CatalogueEntryRemoved.v1', additionalProperties: false },
)

export type RegistrySourceEvent =
  | EventOf<'RegistrySourceAdded', typeof RegistrySourceAddedV1>
  | EventOf<'RegistrySourceRemoved', typeof RegistrySourceRemovedV1>
  | EventOf<'RegistrySyncStarted', typeof RegistrySyncStartedV1>
  | EventOf<'RegistrySyncCompleted', typeof RegistrySyncCompletedV1>
  | EventOf<'RegistrySyncFailed', typeof RegistrySyncFailedV1>

export type CatalogueEntryEvent =
  | EventOf<'CatalogueEntryAdded', typeof CatalogueEntryAddedV1>
  | EventOf<'CatalogueEntryChanged', typeof CatalogueEntryChangedV1>
  | EventOf<'CatalogueEntryRemoved', typeof CatalogueEntryRemovedV1>

export const registryEvents = {
  RegistrySourceAdded: firstVersion(RegistrySourceAddedV1),
  RegistrySourceRemoved: firstVersion(RegistrySourceRemovedV1),
  RegistrySyncStarted: firstVersion(RegistrySyncStartedV1),
  RegistrySyncCompleted: firstVersion(RegistrySyncCompletedV1),
  RegistrySyncFailed: firstVersion(RegistrySyncFailedV1),
  CatalogueEntryAdded: firstVersion(CatalogueEntryAddedV1),
  CatalogueEntryChanged: firstVersion(CatalogueEntryChangedV1),
  CatalogueEntryRemoved: firstVersion(CatalogueEntryRemovedV1),
}
