import { cpSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { startLoad } from '../support/faults/command-load.ts'
import { emptyLedger, type Ledger } from '../support/faults/ledger.ts'
import { restoredHost } from '../support/faults/restored-host.ts'
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
      const host = await restoredHost(t, stage.database, { cluster, dataDirectory: keys })
      const again = await host.start()
      t.equal((await again.request('/v1/whoami')).status, 200, 'API keys are those of before')
      await host.assertTruth(t, ledger)
      await host.assertNothingLeft(t, again)
    }),
)

t.test('it ends in order', (t) => stage.assertNothingLeft(t, program))
