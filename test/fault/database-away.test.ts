import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { startLoad } from '../support/faults/command-load.ts'
import { AT_LENGTH, everySeed, OUTAGE_MS, timeForSeeds } from '../support/faults/seeds.ts'
import { faultStage } from '../support/faults/stage.ts'
import { ownPostgres } from '../support/own-postgres.ts'
import { waitFor } from '../support/wait-for.ts'

// Deadlines: three times as long as what holds on a machine with nothing else to do.
const REFUSED_WITHIN_MS = 3 * 1_000
/** Where nothing says that the database is gone, a query's time has to run out. */
const GIVEN_UP_WITHIN_MS = 3 * 5_000
const NOT_READY_WITHIN_MS = 3 * 5_000
const READY_WITHIN_MS = 3 * 15_000
const RESTARTS = AT_LENGTH ? 6 : 2
const BETWEEN_RESTARTS_MS = AT_LENGTH ? 5_000 : 1_000
const SECONDS = 3 * 120
const WAYS = ['stop', 'kill', 'cut', 'half-open'] as const

timeForSeeds(2 * SECONDS)

const postgres = await ownPostgres(t)
const stage = await faultStage(t, { postgres })
const program = await stage.start()

t.test('while the database is away every request is refused at once, and none is lost', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const load = startLoad(t, random, () => [program])
    await delay(random.integer(1_000))
    const way = random.pick(WAYS)
    t.comment(way)
    const comeBack = await goAway(way)
    await refusesReads(t, way === 'half-open' ? GIVEN_UP_WITHIN_MS : REFUSED_WITHIN_MS)
    await waitFor(
      'it to say that it is not ready',
      async () => !(await isReady()),
      NOT_READY_WITHIN_MS,
    )
    await delay(OUTAGE_MS)
    await comeBack()
    await waitFor('it to be ready again', isReady, READY_WITHIN_MS)
    const ledger = await load.stop()
    t.ok(ledger.answers.has('503'), 'commands were refused with a time to come again')
    await stage.assertTruth(t, ledger)
  }),
)

t.test('a database that is restarted again and again under load loses and doubles nothing', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const load = startLoad(t, random, () => [program])
    for (let restart = 0; restart < RESTARTS; restart++) {
      await delay(BETWEEN_RESTARTS_MS + random.integer(1_000))
      await (random.integer(2) === 0 ? postgres.stop() : postgres.kill())
      await postgres.start()
    }
    const ledger = await load.stop()
    await stage.assertTruth(t, ledger)
  }),
)

t.test('it ends in order', (t) => stage.assertNothingLeft(t, program))

/** @returns what ends it. */
async function goAway(way: (typeof WAYS)[number]): Promise<() => Promise<void>> {
  switch (way) {
    case 'stop':
    case 'kill':
      await postgres[way]()
      return postgres.start
    case 'cut':
      await stage.toDatabase.cut()
      return stage.toDatabase.restore
    case 'half-open':
      stage.toDatabase.freeze('answers')
      return async () => stage.toDatabase.thaw()
  }
}

async function refusesReads(t: Test, withinMs: number): Promise<void> {
  const signal = AbortSignal.timeout(withinMs)
  const answer = await program.request('/v1/registry/sources', { signal })
  t.equal(answer.status, 503)
  t.match(answer.headers.get('content-type'), /^application\/problem\+json/)
  t.ok(answer.headers.has('retry-after'))
  t.match(await answer.json(), { code: 'unavailable', traceId: /./ })
}

async function isReady(): Promise<boolean> {
  const { ok } = await program.request('/health/ready', { key: null })
  return ok
}
