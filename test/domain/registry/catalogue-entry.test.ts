import fc from 'fast-check'
import t from 'tap'
import { accept } from '../../../domain/kernel/decider.ts'
import {
  catalogueEntry,
  differingFields,
  type EntryCommand,
  entryStream,
} from '../../../domain/registry/catalogue-entry.ts'
import type { CatalogueEntryEvent } from '../../../domain/registry/events.ts'
import { given } from '../../support/given.ts'

const history = given(catalogueEntry)
const base = { sourceId: 'main', runId: 'r1', name: 'io.example/a', version: '1.0.0' }
const entry = { server: { name: 'io.example/a', title: 'A' }, _meta: {} }
const observe = (contentHash: string, previous?: object): EntryCommand => ({
  ...{ type: 'ObserveEntry', ...base, contentHash, entry, problems: [] },
  previous: previous as EntryCommand extends { previous: infer P } ? P : undefined,
})
const added: CatalogueEntryEvent = {
  type: 'CatalogueEntryAdded',
  data: { ...base, contentHash: 'h1', entry, problems: [] },
}
const gone: CatalogueEntryEvent = {
  type: 'CatalogueEntryRemoved',
  data: { ...base, previousHash: 'h1' },
}

t.test('an entry is added, and seen again nothing is recorded', async (t) => {
  t.same(history().when(observe('h1')), accept(added))
  t.same(history(added).when(observe('h1')), accept())
})

t.test('other content is a change that says which members differ', async (t) => {
  const previous = { server: { name: 'io.example/a', title: 'B', icons: [] }, _meta: { x: 1 } }
  t.match(history(added).when(observe('h2', previous)), {
    events: [
      {
        type: 'CatalogueEntryChanged',
        data: {
          previousHash: 'h1',
          contentHash: 'h2',
          changedFields: ['title', 'icons', '_meta.x'],
        },
      },
    ],
  })
})

t.test('what is gone is gone once, and can come back', async (t) => {
  const absent: EntryCommand = { type: 'ObserveAbsence', ...base }
  t.same(history(added).when(absent), accept(gone))
  t.same(history(added, gone).when(absent), accept())
  t.same(history().when(absent), accept())
  t.same(history(added, gone).when(observe('h1')), accept(added))
})

t.test('two entries never share a stream', async () => {
  const part = fc.string({ unit: fc.constantFrom('a', '@', '%', '4', '0', '/'), minLength: 1 })
  fc.assert(
    fc.property(part, part, part, part, (name, version, otherName, otherVersion) => {
      const one = entryStream('acme', { sourceId: 's', name, version })
      const other = entryStream('acme', { sourceId: 's', name: otherName, version: otherVersion })
      // A version is the last part: it may hold any sign, a name's signs are escaped.
      return (one === other) === (name === otherName && version === otherVersion)
    }),
    { numRuns: 2_000 },
  )
})

t.test('nothing differs in an entry that is the same', async (t) => {
  t.same(differingFields(entry, structuredClone(entry)), [])
})
