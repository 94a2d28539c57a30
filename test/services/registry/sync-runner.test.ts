import t from 'tap'
import { mirrorWorld } from '../../support/mirror-world.ts'
import { startUpstream, upstreamEntry } from '../../support/upstream.ts'

t.test(
  'a sync mirrors what the upstream lists, and the next one finds nothing to record',
  async (t) => {
    const upstream = await startUpstream(t)
    const world = await mirrorWorld(t)
    const entries = Array.from({ length: 250 }, (_, index) =>
      upstreamEntry(`io.example/server-${index}`, '1.0.0'),
    )
    upstream.list(entries)
    await world.add('main', upstream.url)

    const first = await world.sync('main')
    t.match(first, { run_status: 'completed', added: 250, changed: 0, removed: 0, pages: 3 })
    t.same([...(await world.entries()).values()].length, 250)
    for (const entry of entries)
      t.same((await world.entries()).get(`${entry.server.name}@1.0.0`), entry)

    const second = await world.sync('main')
    t.match(second, { run_status: 'completed', added: 0, changed: 0, removed: 0, unchanged: 250 })
    t.same(await world.entryEvents(), { CatalogueEntryAdded: 250 })
  },
)
