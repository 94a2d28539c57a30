import type { Test } from 'tap'
import type { EventStore } from '../../../services/ports/event-store.ts'
import { waitFor } from '../wait-for.ts'

const WITHIN_MS = 120_000
const ASKED = ['RegistrySyncStarted', 'InstallationRequested']
const DONE = [
  'RegistrySyncCompleted',
  'RegistrySyncFailed',
  'ServerInstalled',
  'InstallationFailed',
]

/**
 * Waits for the end of all work that messages of the bus ask for. Whatever was delivered how
 * often: each run of a sync and each installation ended once, and no change of the catalogue is
 * recorded twice.
 */
export async function assertEffectsOnce(t: Test, store: EventStore): Promise<void> {
  const ends = await waitFor('all work to end', () => endsOfAll(store), WITHIN_MS)
  const twice = [...ends].filter(([, times]) => times !== 1)
  t.same(twice, [], `each of ${ends.size} pieces of work was done once`)
  t.same(await repeatedChanges(store), [], 'no change of the catalogue is recorded twice')
}

/** @returns how often each piece of work ended; undefined while one has not. */
async function endsOfAll(store: EventStore): Promise<Map<string, number> | undefined> {
  const ends = new Map<string, number>()
  for await (const { type, stream, data } of store.readAll({ types: [...ASKED, ...DONE] })) {
    const piece = `${stream} ${data.runId ?? data.attemptId}`
    ends.set(piece, (ends.get(piece) ?? 0) + (DONE.includes(type) ? 1 : 0))
  }
  return [...ends.values()].includes(0) ? undefined : ends
}

async function repeatedChanges(store: EventStore): Promise<string[]> {
  const types = ['CatalogueEntryAdded', 'CatalogueEntryChanged', 'CatalogueEntryRemoved']
  const last = new Map<string, unknown>()
  const repeated: string[] = []
  for await (const { type, stream, data } of store.readAll({ types })) {
    const state = data.contentHash ?? type
    if (last.get(stream) === state) repeated.push(stream)
    last.set(stream, state)
  }
  return repeated
}
