import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import { startLoad } from '../support/faults/command-load.ts'
import type { Random } from '../support/faults/random.ts'
import { AT_LENGTH, everySeed, timeForSeeds } from '../support/faults/seeds.ts'
import { faultStage } from '../support/faults/stage.ts'
import type { TidemarkProcess } from '../support/program.ts'
import { appendUsage, usageEvents } from '../support/usage-projection.ts'
import { waitFor } from '../support/wait-for.ts'

/** In the log before anything goes wrong, so that a rebuild takes a while. */
const EVENTS = AT_LENGTH ? 50_000 : 10_000
/** Of a projector during one rebuild. */
const KILLS = AT_LENGTH ? 3 : 1
/** The log grows with every seed, and a rebuild reads all of it. */
const WITHIN_MS = AT_LENGTH ? 240_000 : 60_000
const SECONDS = AT_LENGTH ? 600 : 240
const USAGE = '/v1/operations/projections/usage'

/** What can become of the rows of `usage`; the owner of the tables does it. */
const DAMAGE = [
  'update read.usage_days set calls = calls + 1000',
  'delete from read.usage_buckets where bucket % 2 = 0',
  `insert into read.usage_days values ('default', 'nobody', '2020-01-01', 'none', 1, 0, 0, 0, 0)`,
  'truncate read.usage_days',
  'drop table read.usage_buckets',
] as const

timeForSeeds(2 * SECONDS)

const stage = await faultStage(t)
let projector = await startProjector()
const front = await stage.start({ TIDEMARK_ROLES: 'api,gateway,relay,reactors,jobs' })
const services = Array.from({ length: 1_000 }, (_, index) => `io.test/server-${index % 300}`)
for (let from = 0; from < EVENTS; from += services.length)
  await appendUsage(stage.store, 'full', usageEvents(...services))

t.test('rows that are damaged or gone are named, and healed while others are read', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const load = startLoad(t, random, () => [front])
    await damage(random)
    const compared = await front.json<Compared>(`${USAGE}/comparison`, { method: 'POST' })
    t.equal(compared.identical, false)
    const examples = compared.readModels.flatMap(({ tables }) =>
      tables.flatMap((each) => each.examples),
    )
    t.ok(examples.length > 0 && examples.every(({ key }) => key.tenant_id !== undefined), 'by key')

    const reading = readOthers()
    const rebuildId = await requestRebuild()
    await rebuilt(rebuildId)
    const answers = await reading.stop()
    t.same([...new Set(answers)], [200], `${answers.length} reads of other read models`)
    const after = await front.json<Compared>(`${USAGE}/comparison`, { method: 'POST' })
    t.equal(after.identical, true, 'and nothing differs any more')
    await stage.assertTruth(t, await load.stop())
    await assertNothingBuilt(t)
  }),
)

t.test('a rebuild whose process is killed is done by the next one', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const load = startLoad(t, random, () => [front])
    const rebuildId = await requestRebuild()
    for (let kill = 0; kill < KILLS; kill++) {
      await waitFor('the rebuild to begin', isBuilding, WITHIN_MS)
      await delay(random.integer(400))
      projector.signal('SIGKILL')
      await projector.exited
      projector = await startProjector()
    }
    await rebuilt(rebuildId)
    await stage.assertTruth(t, await load.stop())
    await assertNothingBuilt(t)
    const ends: string[] = []
    for await (const { type, data } of stage.store.readStream('readmodel-default.usage'))
      if (data.rebuildId === rebuildId) ends.push(type)
    t.same(ends, ['ReadModelRebuildRequested', 'ReadModelRebuildCompleted'])
  }),
)

t.test('they end in order', (t) => stage.assertNothingLeft(t, front, projector))

type Compared = {
  readonly identical: boolean
  readonly readModels: readonly {
    readonly tables: readonly {
      readonly examples: readonly { readonly key: { readonly tenant_id?: string } }[]
    }[]
  }[]
}

function startProjector(): Promise<TidemarkProcess> {
  return stage.start({ TIDEMARK_ROLES: 'projector' })
}

async function damage(random: Random): Promise<void> {
  const owner = new pg.Client({ connectionString: stage.database.ownerUrl })
  await owner.connect()
  await owner.query(random.pick(DAMAGE)).finally(() => owner.end())
}

async function requestRebuild(): Promise<string> {
  const asked = await front.json<{ rebuildId: string }>(`${USAGE}/rebuild`, { method: 'POST' })
  return asked.rebuildId
}

async function rebuilt(rebuildId: string): Promise<void> {
  type List = { readonly items: readonly { lastRequest?: { rebuildId: string; status: string } }[] }
  await waitFor(
    'the rebuild',
    async () => {
      const { items } = await front.json<List>('/v1/operations/projections')
      return items.some(
        ({ lastRequest }) =>
          lastRequest?.rebuildId === rebuildId && lastRequest.status === 'completed',
      )
    },
    WITHIN_MS,
  )
}

async function isBuilding(): Promise<boolean> {
  const { rowCount } = await stage.pool.query('select from ops.rebuilds')
  return rowCount === 1
}

/** Reads what other read models show, all the time. */
function readOthers() {
  let going = true
  const answers: number[] = []
  const reading = (async () => {
    for (const place of endlessly('/v1/keys', '/v1/registry/sources', '/v1/installations')) {
      if (!going) return
      const answer = await front.request(place)
      await answer.body?.cancel()
      answers.push(answer.status)
    }
  })()
  return {
    async stop() {
      going = false
      await reading
      return answers
    },
  }
}

function* endlessly(...places: readonly string[]): Generator<string> {
  for (;;) yield* places
}

/** What is built beside is gone a moment after the request has ended. */
async function assertNothingBuilt(t: Test): Promise<void> {
  const query = "select nspname from pg_namespace where nspname ~ '^scratch'"
  await waitFor('the built rows to go', async () => (await stage.pool.query(query)).rowCount === 0)
  t.pass('nothing that was built is left')
}
