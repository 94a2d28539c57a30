import { setTimeout as delay } from 'node:timers/promises'
import t from 'tap'
import { balancer } from '../support/faults/balancer.ts'
import { startLoad } from '../support/faults/command-load.ts'
import { everySeed, timeForSeeds } from '../support/faults/seeds.ts'
import { faultStage } from '../support/faults/stage.ts'

/** How long a process that stops still takes requests: longer than a load balancer needs to hear of it. */
const DRAIN_DELAY_MS = '1500'
const STOPPED_WITHIN_MS = 25_000
const SECONDS = 3 * 60

timeForSeeds(SECONDS)

const stage = await faultStage(t, { environment: { DRAIN_DELAY_MS } })
let old = await stage.start()
const { add, ready } = balancer(t)
add(old)

t.test('one process after the other is replaced under load, and no request is dropped', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const load = startLoad(t, random, ready)
    const next = await stage.start()
    add(next)
    const stream = await old.request('/v1/events/stream')
    const told = stream.text()
    await delay(random.integer(1_000))

    const asked = performance.now()
    old.signal('SIGTERM')
    t.same(await old.exited, { code: 0, signal: null }, 'it ends in order')
    t.ok(performance.now() - asked < STOPPED_WITHIN_MS, 'and in time')
    t.match(await told, /retry: \d+\n\n$/, 'its stream says when to connect again')
    await delay(random.integer(500))
    const ledger = await load.stop()
    t.same([...ledger.answers.keys()].sort(), ['201', '202'], 'every answer is a success')
    await stage.assertTruth(t, ledger)
    old = next
  }),
)

t.test('the last one ends in order', (t) => stage.assertNothingLeft(t, old))
