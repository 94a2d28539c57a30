import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { nodeArguments } from '../../../infra/node-program.ts'
import { runSync } from '../../../services/registry/sync-runner.ts'
import type { Random } from '../../support/faults/random.ts'
import { everySeed, timeForSeeds } from '../../support/faults/seeds.ts'
import { mirrorWorld, TENANT } from '../../support/mirror-world.ts'
import { answerJson, startUpstream, upstreamEntry } from '../../support/upstream.ts'
import { waitFor } from '../../support/wait-for.ts'

const PROCESS = import.meta.resolve('../../support/sync-process.ts')
const PAGE = 50
const PAGES = 12
const DEATHS = 2
const SECONDS = 3 * 30

timeForSeeds(SECONDS)

t.test('a process that is killed in the middle of a sync loses and doubles nothing', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const upstream = await startUpstream(t)
    const world = await mirrorWorld(t, { limits: { leaseMs: 1_000 } })
    const entries = Array.from({ length: PAGE * PAGES }, (_, index) =>
      upstreamEntry(`io.example/server-${index}`, '1.0.0'),
    )
    await world.add('main', upstream.url)
    const runId = '8d2f6b1e-54a5-4d9c-8a55-6f1c1a6d3f14'
    const now = new Date().toISOString()
    await world.command({
      ...{
        type: 'StartSync',
        sourceId: 'main',
        runId,
        trigger: 'request',
        acceptShrink: false,
        now,
      },
    })
    const key = { tenantId: TENANT, sourceId: 'main' }

    let asked: (page: number) => void = () => {}
    upstream.misbehave((_request, response, url) => {
      const page = Number(url.searchParams.get('cursor') ?? 0)
      asked(page)
      const servers = entries.slice(page * PAGE, (page + 1) * PAGE)
      const metadata = page + 1 < PAGES ? { nextCursor: String(page + 1) } : {}
      answerJson(response, { servers, metadata })
    })

    for (const death of pagesToDieAt(random)) {
      const child = spawn(
        process.execPath,
        nodeArguments(PROCESS, world.appUrl, TENANT, 'main', runId),
        { stdio: 'inherit' },
      )
      const exited = once(child, 'exit')
      asked = (page) => {
        if (page >= death) child.kill('SIGKILL')
      }
      const [, signal] = await exited
      t.equal(signal, 'SIGKILL', `killed when it asked for page ${death}`)
      await waitFor(
        'the lease to run out',
        async () => (await world.deps.ledger.running(key)) === undefined,
      )
    }

    asked = () => {}
    const stop = new AbortController().signal
    const recorded = await waitFor('the run to be carried on', async () => {
      const outcome = await runSync(world.deps, key, runId, stop)
      return outcome === 'done' && outcome
    })
    t.equal(recorded, 'done')
    await world.caughtUp()
    t.same(await world.entryEvents(), { CatalogueEntryAdded: PAGE * PAGES })
    t.equal((await world.entries()).size, PAGE * PAGES)
    const { rows } = await world.pool.query(
      `select count(*)::int as streams, sum(revision)::int as later from log.events
     where type = 'CatalogueEntryAdded'`,
    )
    t.same(rows, [{ streams: PAGE * PAGES, later: 0 }])
  }),
)

/** After how many pages the process dies, life by life: each comes further than the one before. */
function pagesToDieAt(random: Random): number[] {
  const pages = Array.from({ length: PAGES - 1 }, (_, index) => index + 1)
  return random
    .shuffled(pages)
    .slice(0, DEATHS)
    .sort((one, other) => one - other)
}
