import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import t from 'tap'
import { mirrorWorld } from '../../support/mirror-world.ts'
import { startUpstream, type UpstreamEntry } from '../../support/upstream.ts'

const DATA = path.resolve(import.meta.dirname, '../../../../shared/data/registry')
const STEPS = 20

type JournalRecord = {
  readonly op: 'added' | 'changed' | 'removed'
  readonly name: string
  readonly version: string
  readonly entry: UpstreamEntry
}

const here = existsSync(DATA)

t.test(
  "ten weeks of the official registry's history leave an exact mirror",
  { skip: !here && 'the real registry data is not here', timeout: 300_000 },
  async (t) => {
    const upstream = await startUpstream(t)
    const world = await mirrorWorld(t)
    const listed = new Map(snapshot('2025-10-07').map((entry) => [keyOf(entry), entry]))
    const journal = readFileSync(
      path.join(DATA, 'official-registry-journal-2025-10-07_2025-12-18.ndjson'),
      'utf8',
    )
      .trim()
      .split('\n')
      .map((line): JournalRecord => JSON.parse(line))
    await world.add('official', upstream.url)
    const expected = { added: 0, changed: 0, removed: 0 }
    let before = new Map<string, UpstreamEntry>()

    const sync = async () => {
      upstream.list([...listed.values()])
      const run = await world.sync('official')
      const changes = differences(before, listed)
      t.match(run, { run_status: 'completed', ...changes })
      for (const kind of ['added', 'changed', 'removed'] as const) expected[kind] += changes[kind]
      before = new Map(listed)
    }
    await sync()
    const stepLength = Math.ceil(journal.length / STEPS)
    for (let start = 0; start < journal.length; start += stepLength) {
      for (const { op, name, version, entry } of journal.slice(start, start + stepLength))
        if (op === 'removed') listed.delete(`${name}@${version}`)
        else listed.set(`${name}@${version}`, entry)
      await sync()
    }

    const last = snapshot('2025-12-18')
    const mirror = await world.entries()
    t.equal(mirror.size, last.length)
    const wrong = last.filter((entry) => !isDeepStrictEqual(mirror.get(keyOf(entry)), entry))
    t.same(wrong, [], 'every entry is exactly what the upstream lists')
    t.same(await world.entryEvents(), {
      CatalogueEntryAdded: expected.added,
      CatalogueEntryChanged: expected.changed,
    })
    t.equal(expected.added, 2_794)
    t.equal(expected.removed, 0)
  },
)

function snapshot(date: string): UpstreamEntry[] {
  const text = readFileSync(path.join(DATA, `official-registry-snapshot-${date}.json`), 'utf8')
  return JSON.parse(text.replace(/^\uFEFF/, ''))
}

function keyOf({ server }: UpstreamEntry): string {
  return `${server.name}@${server.version}`
}

function differences(
  before: ReadonlyMap<string, UpstreamEntry>,
  after: ReadonlyMap<string, UpstreamEntry>,
) {
  const added = [...after.keys()].filter((key) => !before.has(key)).length
  const removed = [...before.keys()].filter((key) => !after.has(key)).length
  const changed = [...after].filter(
    ([key, entry]) => before.has(key) && !isDeepStrictEqual(before.get(key), entry),
  ).length
  return { added, changed, removed }
}
