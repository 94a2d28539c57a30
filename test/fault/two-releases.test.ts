import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { startLoad } from '../support/faults/command-load.ts'
import { newerCodec, newerProgram } from '../support/faults/newer-program.ts'
import { everySeed, timeForSeeds } from '../support/faults/seeds.ts'
import { faultStage } from '../support/faults/stage.ts'
import { waitFor } from '../support/wait-for.ts'

const TAKEN_OVER_WITHIN_MS = 30_000
const SECONDS = 3 * 90

timeForSeeds(SECONDS)

const newerRoot = newerProgram(t)
const stage = await faultStage(t, { codec: newerCodec() })
let newer = await stage.start({}, newerRoot)

t.test(
  'two releases that write different versions of an event run at once, and all is as one wrote it',
  (t) =>
    everySeed(t, SECONDS, async (t, random) => {
      // Which of them projects and publishes is chosen by who was there first.
      const older = await stage.start()
      if (random.integer(2) === 0) {
        await newer.stop()
        newer = await stage.start({}, newerRoot)
      }
      const load = startLoad(t, random, () => [older, newer])
      await delay(1_000 + random.integer(2_000))
      const ledger = await load.stop()
      t.same(await older.stop(), { code: 0, signal: null })
      await waitFor('what the older one could not read', nothingParked, TAKEN_OVER_WITHIN_MS)
      await stage.assertTruth(t, ledger)
    }),
)

t.test('the newer one ends in order', (t) => stage.assertNothingLeft(t, newer))

async function nothingParked(): Promise<boolean> {
  const { rowCount } = await stage.pool.query('select from read.parked_streams limit 1')
  return rowCount === 0
}
