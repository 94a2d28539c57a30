import { streamName } from '../../domain/kernel/ids.ts'
import { installations } from '../../projections/installer/installations.ts'
import { createPlainFold } from '../../projections/kernel/plain-fold.ts'
import type { AnyPureReadModel, Row } from '../../projections/kernel/read-model.ts'
import type { EventStore, RecordedEvent } from '../ports/event-store.ts'

const model: AnyPureReadModel = installations

/** What the log says about one installation up to a moment. */
export type InstallationThen = {
  /** Undefined when it did not exist then. */
  readonly installation: Row | undefined
  readonly stages: readonly Row[]
  /** What a rollback could return to then, and the active version. */
  readonly versions: readonly Row[]
  /** All that had happened to it, oldest first. */
  readonly events: readonly RecordedEvent[]
}

/** Replays the installation's stream through the same function that fills the read model. */
export async function installationThen(
  store: EventStore,
  tenantId: string,
  installationId: string,
  at: Date,
): Promise<InstallationThen> {
  const fold = createPlainFold(model.keys)
  const events: RecordedEvent[] = []
  const seen: RecordedEvent[] = []
  for await (const event of store.readStream(
    streamName('installation', tenantId, installationId),
  )) {
    seen.push(event)
    if (new Date(event.time) > at) continue
    // What is before it in the stream happened before it, whatever the clock of its process said.
    for (const each of seen.splice(0)) {
      events.push(each)
      if (each.fault === undefined) fold.apply(changesOf(each))
    }
  }
  const rows = (table: string) => [...(fold.tables.get(table)?.values() ?? [])]
  return {
    installation: rows('installations')[0],
    stages: rows('installation_stages'),
    versions: rows('installation_versions'),
    events,
  }
}

function changesOf(event: RecordedEvent) {
  // The store checked the data against this type's schema when it was appended.
  return model.changes[event.type]?.(event as never, event) ?? []
}
