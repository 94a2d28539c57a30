import { setTimeout as delay } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { createEventCodec } from '../../infra/eventstore/codec.ts'
import { createEventStoreDbEventStore } from '../../infra/eventstore/eventstoredb/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { EventStoreDbDouble } from '../support/eventstoredb-double/server.ts'
import { startLoad } from '../support/faults/command-load.ts'
import { assertEffectsOnce } from '../support/faults/effects.ts'
import type { Random } from '../support/faults/random.ts'
import { everySeed, OUTAGE_MS, timeForSeeds } from '../support/faults/seeds.ts'
import { faultStage } from '../support/faults/stage.ts'
import { tcpProxy } from '../support/tcp-proxy.ts'
import { waitFor } from '../support/wait-for.ts'

/** Once it is known that the store is away. */
const REFUSED_WITHIN_MS = 2_000
const KNOWN_WITHIN_MS = 45_000
/** A busy machine gets three times the 10 s. */
const READY_WITHIN_MS = 3 * 10_000
const SECONDS = 3 * 120

timeForSeeds(SECONDS)

const double = await EventStoreDbDouble.start()
t.teardown(async () => double[Symbol.asyncDispose]())
const toStore = await tcpProxy(t, double.connectionString)
const store = createEventStoreDbEventStore({
  connectionString: double.connectionString,
  codec: createEventCodec({ now: () => new Date() }),
  logger: silent,
  metrics: noMetrics,
})
t.teardown(async () => store[Symbol.asyncDispose]())
const stage = await faultStage(t, {
  store,
  environment: { EVENTSTORE_URL: toStore.urlOf(double.connectionString) },
})
const program = await stage.start()

t.test('while EventStoreDB is away every command is refused at once, and none is lost', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const load = startLoad(t, random, () => [program])
    await delay(random.integer(1_000))
    const comeBack = await goAway(t, random)
    await waitFor('commands to be refused at once', isRefusedAtOnce, KNOWN_WITHIN_MS)
    await delay(OUTAGE_MS)
    t.ok(await isRefusedAtOnce(), 'as long as it is away')
    await comeBack()
    await waitFor('it to be ready again', isReady, READY_WITHIN_MS)
    const ledger = await load.stop()
    t.ok(ledger.answers.has('503'), 'commands were refused with a time to come again')
    await stage.assertTruth(t, ledger)
    await assertEffectsOnce(t, store)
  }),
)

t.test('it ends in order', (t) => stage.assertNothingLeft(t, program))

/** @returns what ends it. */
async function goAway(t: Test, random: Random): Promise<() => Promise<void>> {
  const way = random.pick(['cut', 'half-open', 'hanging'] as const)
  t.comment(way)
  switch (way) {
    case 'cut':
      await toStore.cut()
      return toStore.restore
    case 'half-open':
      toStore.freeze(random.pick(['requests', 'answers', undefined]))
      return async () => toStore.thaw()
    case 'hanging':
      double.setHanging(true)
      return async () => double.setHanging(false)
  }
}

async function isRefusedAtOnce(): Promise<boolean> {
  const body = { serviceId: 'io.test/refused', tool: 'any', durationMs: 1, outcome: 'ok' }
  const signal = AbortSignal.timeout(REFUSED_WITHIN_MS)
  const answer = await program
    .request('/v1/analytics/track', { body, signal, headers: { 'idempotency-key': 'refused' } })
    .catch(() => undefined)
  await answer?.body?.cancel()
  return answer?.status === 503 && answer.headers.has('retry-after')
}

async function isReady(): Promise<boolean> {
  const { ok } = await program.request('/health/ready', { key: null })
  return ok
}
