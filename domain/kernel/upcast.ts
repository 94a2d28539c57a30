import type { TObject } from 'typebox'

type EventData = Readonly<Record<string, unknown>>

/** Makes version n+1's data out of version n's. Pure, and total over what version n's schema allows. */
export type Upcaster = (data: EventData) => EventData

/**
 * One event type's storage formats, oldest first. A published version is never edited:
 * a change is a new schema at the end of `versions` and the upcaster that leads to it.
 * `upcasters[i]` leads from version i+1 to version i+2, so there is one fewer than versions.
 */
export type EventDefinition = {
  readonly versions: readonly [TObject, ...TObject[]]
  readonly upcasters: readonly Upcaster[]
}

/** Every event type of one bounded context. */
export type ContextEvents = Readonly<Record<string, EventDefinition>>

/** An event type that has had one format so far. */
export function firstVersion(schema: TObject): EventDefinition {
  return { versions: [schema], upcasters: [] }
}

/** The second format only allows more: data of the first one is also data of the second. */
export function withOptionalMember(first: TObject, second: TObject): EventDefinition {
  return { versions: [first, second], upcasters: [(data) => data] }
}

/** The schema version that new events of this type are written with, from 1. */
export function currentVersion(definition: EventDefinition): number {
  return definition.versions.length
}

/**
 * The data as the current version has it.
 *
 * @throws {RangeError} when `version` is not one that this program knows, for example when a
 *   newer program wrote it.
 */
export function upcast(definition: EventDefinition, version: number, data: EventData): EventData {
  const current = currentVersion(definition)
  if (!Number.isInteger(version) || version < 1 || version > current)
    throw new RangeError(
      `Schema version ${version} is unknown; this program knows 1 to ${current}.`,
    )
  return definition.upcasters.slice(version - 1).reduce((older, step) => step(older), data)
}
