import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { RuleEvent } from '../../domain/rules/rule-event.ts'

const DATA = path.resolve(import.meta.dirname, '../../../shared/data/registry')
const SNAPSHOT = path.join(DATA, 'official-registry-snapshot-2025-10-07.json')
const JOURNAL = path.join(DATA, 'official-registry-journal-2025-10-07_2025-12-18.ndjson')

/** Whether the recorded data is beside the repository. */
export const hasRegistryHistory = existsSync(JOURNAL)

type Entry = { readonly server: { readonly name: string; readonly version: string } }
type JournalRecord = {
  readonly op: 'added' | 'changed' | 'removed'
  readonly observedAt: string
  readonly name: string
  readonly version: string
  readonly entry: Entry
}

const TYPES = {
  added: 'CatalogueEntryAdded',
  changed: 'CatalogueEntryChanged',
  removed: 'CatalogueEntryRemoved',
} as const

/** Ten weeks of the official registry, as the events that a mirror of it records: 1,019 entries, then 2,936 changes. */
export function registryHistory(): readonly RuleEvent[] {
  const snapshot: readonly Entry[] = JSON.parse(
    readFileSync(SNAPSHOT, 'utf8').replace(/^\uFEFF/, ''),
  )
  const journal = readFileSync(JOURNAL, 'utf8')
    .trim()
    .split('\n')
    .map((line): JournalRecord => JSON.parse(line))
  const first = snapshot.map(
    (entry): JournalRecord => ({
      op: 'added',
      observedAt: '2025-10-07T12:08:00Z',
      name: entry.server.name,
      version: entry.server.version,
      entry,
    }),
  )
  return [...first, ...journal].map(({ op, observedAt, name, version, entry }, index) => ({
    eventId: `00000000-0000-4000-8000-${String(index).padStart(12, '0')}`,
    stream: `entry-acme.official/${name}@${version}`,
    position: BigInt(index + 1),
    time: new Date(observedAt).toISOString(),
    actorId: 'system:sync',
    causationId: `a sync at ${observedAt}`,
    type: TYPES[op],
    data: {
      sourceId: 'official',
      runId: '33333333-3333-4333-8333-333333333333',
      name,
      version,
      contentHash: 'a'.repeat(64),
      previousHash: 'b'.repeat(64),
      changedFields: ['server'],
      entry,
      problems: [],
    },
  }))
}
