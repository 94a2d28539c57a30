import { accept, type Decider } from '../kernel/decider.ts'
import { streamName } from '../kernel/ids.ts'
import type { CatalogueEntryEvent } from './events.ts'

/**
 * One version of one server as one source lists it. `@` and `%` in the name are escaped, so
 * that two entries never share a stream.
 *
 * @throws {RangeError} when the name is too long for a stream's.
 */
export function entryStream(
  tenantId: string,
  { sourceId, name, version }: EntryKey & { readonly sourceId: string },
): string {
  const unambiguous = name.replace(/[%@]/g, (sign) => (sign === '%' ? '%25' : '%40'))
  return streamName('entry', tenantId, `${sourceId}.${unambiguous}@${version}`)
}

export type EntryKey = { readonly name: string; readonly version: string }

/** An entry as an upstream lists it: third-party data, kept as it is. */
export type Entry = Readonly<Record<string, unknown>>

export type EntryCommand =
  | (EntryKey & {
      readonly type: 'ObserveEntry'
      readonly sourceId: string
      readonly runId: string
      readonly contentHash: string
      readonly entry: Entry
      readonly problems: readonly string[]
      /** What the mirror holds now, to say what differs; undefined = not known. */
      readonly previous: Entry | undefined
    })
  | (EntryKey & {
      readonly type: 'ObserveAbsence'
      readonly sourceId: string
      readonly runId: string
    })

export type EntryState =
  | { readonly status: 'absent' }
  | { readonly status: 'listed'; readonly contentHash: string }

/** It records what an upstream shows and so refuses nothing. */
export const catalogueEntry: Decider<EntryState, EntryCommand, CatalogueEntryEvent, never> = {
  initial: { status: 'absent' },

  decide(state, command) {
    const { sourceId, runId, name, version } = command
    switch (command.type) {
      case 'ObserveEntry': {
        const { contentHash, entry, problems, previous } = command
        const seen = { sourceId, runId, name, version, contentHash, entry, problems: [...problems] }
        if (state.status === 'absent') return accept({ type: 'CatalogueEntryAdded', data: seen })
        if (state.contentHash === contentHash) return accept()
        const changedFields = previous === undefined ? [] : differingFields(previous, entry)
        return accept({
          type: 'CatalogueEntryChanged',
          data: { ...seen, previousHash: state.contentHash, changedFields },
        })
      }
      case 'ObserveAbsence':
        if (state.status === 'absent') return accept()
        return accept({
          type: 'CatalogueEntryRemoved',
          data: { sourceId, runId, name, version, previousHash: state.contentHash },
        })
    }
  },

  evolve(_state, event) {
    switch (event.type) {
      case 'CatalogueEntryAdded':
      case 'CatalogueEntryChanged':
        return { status: 'listed', contentHash: event.data.contentHash }
      case 'CatalogueEntryRemoved':
        return { status: 'absent' }
    }
  },
}

/** Members of `server`, then of `_meta` (prefixed), that the two do not have alike; the order of members counts. */
export function differingFields(before: Entry, after: Entry): string[] {
  return [
    ...differing(before.server, after.server),
    ...differing(before._meta, after._meta).map((member) => `_meta.${member}`),
  ]
}

function differing(before: unknown, after: unknown): string[] {
  const old = membersOf(before)
  const now = membersOf(after)
  return [...new Set([...old.keys(), ...now.keys()])].filter(
    (member) => JSON.stringify(old.get(member)) !== JSON.stringify(now.get(member)),
  )
}

function membersOf(value: unknown): ReadonlyMap<string, unknown> {
  return new Map(typeof value === 'object' && value !== null ? Object.entries(value) : [])
}
