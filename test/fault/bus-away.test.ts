import { rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { startLoad } from '../support/faults/command-load.ts'
import { assertEffectsOnce } from '../support/faults/effects.ts'
import { everySeed, OUTAGE_MS, timeForSeeds } from '../support/faults/seeds.ts'
import { faultStage } from '../support/faults/stage.ts'
import type { TidemarkProcess } from '../support/program.ts'
import { waitFor } from '../support/wait-for.ts'

/** How long the bus may take to have everything again; a busy machine gets three times as long. */
const REFILLED_WITHIN_MS = 3 * 20_000
/** That they are is what matters: a busy machine may take longer than the shortest outage. */
const TAKEN_WITHIN_MS = 30_000
const SECONDS = 3 * 120

timeForSeeds(3 * SECONDS)

const stage = await faultStage(t)
const program = await stage.start()

t.test('while the bus is away every command is taken, and then it gets all of them', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const load = startLoad(t, random, () => [program])
    await delay(random.integer(1_000))
    await stage.nats.kill()
    const before = load.ledger.acknowledged.length
    await delay(OUTAGE_MS)
    await waitFor(
      'commands to be taken without it',
      () => load.ledger.acknowledged.length > before,
      TAKEN_WITHIN_MS,
    )
    await stage.nats.restart()
    const ledger = await load.stop()
    t.notOk(ledger.answers.has('503'), 'none was refused')
    await stage.assertTruth(t, ledger, { withinMs: REFILLED_WITHIN_MS })
  }),
)

t.test('a bus that crashed and lost its disk is filled again, and nothing is done twice', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const load = startLoad(t, random, () => [program])
    await syncStarter(program)
    await delay(random.integer(1_000))
    await stage.nats.kill()
    await delay(random.integer(1_000))
    await stage.nats.wipe()
    await syncStarter(program)
    const ledger = await load.stop()
    await stage.assertTruth(t, ledger, { withinMs: REFILLED_WITHIN_MS })
    await assertEffectsOnce(t, stage.store)
  }),
)

t.test('a bus whose files are deleted under it has everything after its next start', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const load = startLoad(t, random, () => [program])
    await delay(random.integer(1_000))
    rmSync(stage.nats.files, { recursive: true, force: true })
    await delay(random.integer(2_000))
    await stage.nats.restart()
    const ledger = await load.stop()
    t.notOk(ledger.answers.has('503'), 'none was refused')
    await stage.assertTruth(t, ledger, { withinMs: REFILLED_WITHIN_MS })
    await assertEffectsOnce(t, stage.store)
  }),
)

t.test('it ends in order', (t) => stage.assertNothingLeft(t, program))

async function syncStarter({ request }: TidemarkProcess): Promise<void> {
  const answer = await request('/v1/registry/sources/starter/sync', { body: {} })
  await answer.body?.cancel()
}
