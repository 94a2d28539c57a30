import { cpSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import t, { type Test } from 'tap'
import type { TestDatabase } from '../support/database.ts'
import { startLoad } from '../support/faults/command-load.ts'
import { emptyLedger, type Ledger } from '../support/faults/ledger.ts'
import { everySeed, timeForSeeds } from '../support/faults/seeds.ts'
import { faultStage } from '../support/faults/stage.ts'
import { ownPostgres } from '../support/own-postgres.ts'
import { newDataDirectory } from '../support/program.ts'

const SECONDS = 3 * 90

timeForSeeds(SECONDS)

const postgres = await ownPostgres(t)
const stage = await faultStage(t, { postgres })
const program = await stage.start()

t.test(
  'what was acknowledged before a backup is there on an empty host, and all else follows',
  (t) =>
    everySeed(t, SECONDS, async (t, random) => {
      const load = startLoad(t, random, () => [program])
      await delay(1_000 + random.integer(2_000))
      const cluster = mkdtempSync(path.join(tmpdir(), 'tidemark-restored-'))
      const keys = newDataDirectory(t)
      await postgres.stop()
      const ledger: Ledger = { ...emptyLedger(), acknowledged: [...load.ledger.acknowledged] }
      cpSync(postgres.directory, cluster, { recursive: true })
      cpSync(stage.dataDirectory, keys, { recursive: true })
      await postgres.start()
      await load.stop()
      t.ok(ledger.acknowledged.length > 0, 'commands were taken before the backup')
      await restore(t, cluster, keys, ledger)
    }),
)

t.test('it ends in order', (t) => stage.assertNothingLeft(t, program))

/** On a Postgres of its own, with a NATS server that knows nothing, and without any read model. */
async function restore(
  t: Test,
  cluster: string,
  dataDirectory: string,
  ledger: Ledger,
): Promise<void> {
  const restored = await ownPostgres(t, cluster)
  const { port } = new URL(restored.superuserUrl)
  const database = movedTo(port, stage.database)
  await dropReadModels(restored.superuserUrl, database)
  const host = await faultStage(t, { database, dataDirectory })
  const again = await host.start()
  t.equal((await again.request('/v1/whoami')).status, 200, 'API keys are those of before')
  await host.assertTruth(t, ledger)
  await host.assertNothingLeft(t, again)
}

function movedTo(port: string, { ownerUrl, appUrl }: TestDatabase): TestDatabase {
  const moved = (url: string) => Object.assign(new URL(url), { port }).href
  return { ownerUrl: moved(ownerUrl), appUrl: moved(appUrl) }
}

async function dropReadModels(superuserUrl: string, { appUrl }: TestDatabase): Promise<void> {
  const { pathname } = new URL(appUrl)
  const client = new pg.Client({
    connectionString: Object.assign(new URL(superuserUrl), { pathname }).href,
  })
  await client.connect()
  await client.query('drop schema read cascade')
  await client.end()
}
