import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { createReadFreshness } from '../../infra/projector/read-freshness.ts'
import { startLoad } from '../support/faults/command-load.ts'
import { lockedTable } from '../support/faults/locked-table.ts'
import { AT_LENGTH, everySeed, timeForSeeds } from '../support/faults/seeds.ts'
import { faultStage } from '../support/faults/stage.ts'
import type { TidemarkProcess } from '../support/program.ts'
import { waitFor } from '../support/wait-for.ts'

/** A projector that is started again has no lag within 10 s; a busy machine gets three times as long. */
const CAUGHT_UP_WITHIN_MS = 3 * 10_000
/** Of a projector, in each seed. */
const KILLS = AT_LENGTH ? 3 : 1
/** How long the owner of the lease stands still at least. */
const PAUSE_MS = AT_LENGTH ? 60_000 : 0
/** A silent owner loses the lease after 15 s, and its open transaction after 30 s. */
const TAKEN_OVER_WITHIN_MS = 3 * 30_000
const SECONDS = 3 * 120
/** Written to by every command of the load, and by every new API key. */
const TABLES = ['usage_days', 'api_keys'] as const

timeForSeeds(2 * SECONDS)

const stage = await faultStage(t)
let owner = await projector()
const front = await stage.start({ TIDEMARK_ROLES: 'api,gateway,relay,reactors,jobs' })

t.test('a projector that is killed in mid-batch leaves nothing half done and nothing double', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const load = startLoad(t, random, () => [front])
    for (let kill = 0; kill < KILLS; kill++) {
      await delay(random.integer(500))
      const table = await lockedTable(stage.pool, random.pick(TABLES))
      await table.blocks()
      await kill9(owner)
      await table.free()
      owner = await projector()
    }
    const ledger = await load.stop()
    await stage.assertTruth(t, ledger, { withinMs: CAUGHT_UP_WITHIN_MS })
  }),
)

t.test('a projector that stood still while another took over writes nothing when it goes on', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const second = await projector()
    const load = startLoad(t, random, () => [front])
    await delay(random.integer(500))
    const inMidBatch = random.integer(2) === 0
    if (inMidBatch) await stopInMidBatch(owner, random.pick(TABLES))
    else owner.signal('SIGSTOP')
    if (!AT_LENGTH) await endSessionsOf(owner)
    await takenOver()
    await delay(PAUSE_MS)
    owner.signal('SIGCONT')
    await delay(random.integer(1_000))
    const ledger = await load.stop()
    await stage.assertTruth(t, ledger, { withinMs: CAUGHT_UP_WITHIN_MS })
    await kill9(owner)
    owner = second
  }),
)

t.test('they end in order', (t) => stage.assertNothingLeft(t, front, owner))

type Projector = TidemarkProcess & { readonly sessionName: string }

/** Its sessions of the database carry a name of their own. */
async function projector(): Promise<Projector> {
  const sessionName = `projector-${randomUUID()}`
  const DATABASE_URL = `${stage.databaseUrl}?application_name=${sessionName}`
  const program = await stage.start({ TIDEMARK_ROLES: 'projector', DATABASE_URL })
  return { ...program, sessionName }
}

async function kill9(program: TidemarkProcess): Promise<void> {
  program.signal('SIGKILL')
  await program.exited
}

async function stopInMidBatch(program: TidemarkProcess, table: string): Promise<void> {
  const locked = await lockedTable(stage.pool, table)
  await locked.blocks()
  program.signal('SIGSTOP')
  await locked.free()
}

/** What the database does by itself with those that hold something and are silent for too long. */
async function endSessionsOf({ sessionName }: Projector): Promise<void> {
  await waitFor(
    'the sessions of the owner to end',
    async () => {
      const { rowCount } = await stage.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity as session
       where application_name = $1 and (xact_start is not null or exists
         (select from pg_locks where pg_locks.pid = session.pid and locktype = 'advisory'))`,
        [sessionName],
      )
      return rowCount === 0
    },
    TAKEN_OVER_WITHIN_MS,
  )
}

async function takenOver(): Promise<void> {
  await using freshness = createReadFreshness({ pool: stage.pool })
  const head = await stage.store.head()
  if (await freshness.waitFor(head, TAKEN_OVER_WITHIN_MS)) return
  throw new Error('Nobody took over.')
}
