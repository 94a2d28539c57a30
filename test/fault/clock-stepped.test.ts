import { existsSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { startLoad } from '../support/faults/command-load.ts'
import { everySeed, timeForSeeds } from '../support/faults/seeds.ts'
import { faultStage } from '../support/faults/stage.ts'
import { newDataDirectory } from '../support/program.ts'
import { waitFor } from '../support/wait-for.ts'

const SECONDS = 3 * 60
const HOUR_MS = 3_600_000
/** Where Debian and Fedora have it; FAKETIME_LIB says where it is elsewhere. */
const LIBRARY =
  process.env.FAKETIME_LIB ??
  [
    '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1',
    '/usr/lib/aarch64-linux-gnu/faketime/libfaketimeMT.so.1',
    '/usr/lib64/faketime/libfaketimeMT.so.1',
    '/usr/lib/faketime/libfaketimeMT.so.1',
  ].find((file) => existsSync(file))
const skip = LIBRARY === undefined && 'There is no libfaketime here: install it to step the clock.'

timeForSeeds(SECONDS)

t.test(
  'a clock that is stepped changes neither the order of the log nor what is waited for',
  { skip },
  async (t) => {
    const clock = path.join(newDataDirectory(t), 'clock')
    const step = (by: string) => writeFileSync(clock, by)
    step('+0s')
    const stage = await faultStage(t)
    const program = await stage.start({
      LD_PRELOAD: LIBRARY,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_CACHE_DURATION: '1',
      // Timers and timeouts of a program go by a clock that nobody steps.
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
    })
    await everySeed(t, SECONDS, async (t, random) => {
      const load = startLoad(t, random, () => [program])
      for (const [by, hours] of [
        ['+1d', 24],
        ['-2h', -2],
        ['+0s', 0],
      ] as const) {
        await delay(random.integer(2_000))
        step(by)
        await waitFor(`the clock to be stepped by ${by}`, async () => {
          const { headers } = await program.request('/health/live')
          const ahead = Date.parse(headers.get('date') ?? '') - Date.now()
          return Math.abs(ahead - hours * HOUR_MS) < HOUR_MS / 2
        })
        await delay(500)
      }
      const ledger = await load.stop()
      t.notOk(ledger.answers.has('503'), 'none was refused')
      t.ok(
        (await largestStepBack(stage.store)) > 24 * HOUR_MS,
        'the clock went back by more than a day',
      )
      await stage.assertTruth(t, ledger)
    })
    await stage.assertNothingLeft(t, program)
  },
)

async function largestStepBack(store: {
  readAll(): AsyncIterable<{ time: string }>
}): Promise<number> {
  let before = 0
  let largest = 0
  for await (const { time } of store.readAll()) {
    largest = Math.max(largest, before - Date.parse(time))
    before = Date.parse(time)
  }
  return largest
}
