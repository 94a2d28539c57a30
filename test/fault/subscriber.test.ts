import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, type JetStreamManager } from 'nats'
import t, { type Test } from 'tap'
import { startLoad } from '../support/faults/command-load.ts'
import { everySeed, timeForSeeds } from '../support/faults/seeds.ts'
import { faultStage } from '../support/faults/stage.ts'
import { newDataDirectory } from '../support/program.ts'
import { Subscriber } from '../support/subscriber.ts'
import { waitFor } from '../support/wait-for.ts'

/** A consumer that was killed is not given its messages again before its time is over. */
const CAUGHT_UP_WITHIN_MS = 60_000
const SECONDS = 180
/** The name of its consumer unless it is told another. */
const SUBSCRIBER = 'subscriber'
const USE = { serviceId: 'io.test/gap', tool: 'tool', durationMs: 1, outcome: 'ok' }

timeForSeeds(2 * SECONDS)

const stage = await faultStage(t)
const program = await stage.start()

function subscriberOf(t: Test): Subscriber & { readonly file: string } {
  const file = path.join(newDataDirectory(t), 'count.json')
  return Object.assign(new Subscriber(t, { program, natsUrl: stage.nats.url, file }), { file })
}

/** By another way than the subscriber's, up to where it is: the program goes on by itself. */
async function countOfLog(through: string): Promise<Record<string, number>> {
  const { rows } = await stage.pool.query<{ type: string; count: string }>(
    `select type, count(*)::text as count from log.events
     where tenant_id = 'default' and position <= $1 group by type`,
    [through],
  )
  return Object.fromEntries(rows.map(({ type, count }) => [type, Number(count)]))
}

async function onBus<Result>(use: (manager: JetStreamManager) => Promise<Result>): Promise<Result> {
  const connection = await connect({ servers: stage.nats.url })
  try {
    return await use(await connection.jetstreamManager())
  } finally {
    await connection.close()
  }
}

/** @returns undefined while the bus does not hold everything up to `head`. */
async function endOfBus(head: bigint) {
  return await onBus(async (manager) => {
    const { created, state } = await manager.streams.info('TIDEMARK')
    const { header } = await manager.streams.getMessage('TIDEMARK', { seq: state.last_seq })
    const isComplete = BigInt(header.get('tidemark-position')) >= head
    return isComplete ? { created, sequence: state.last_seq } : undefined
  }).catch(() => undefined)
}

/** Duplicates come after the log was counted: waits until the subscriber has had all that the bus holds. */
async function assertCountedOnce(t: Test, subscriber: Subscriber): Promise<void> {
  const head = await stage.store.head()
  const end = await waitFor('the bus to have everything', () => endOfBus(head), CAUGHT_UP_WITHIN_MS)
  await waitFor(
    'all messages',
    () => {
      const { bus } = subscriber.counted()
      return bus?.created === end.created && bus.sequence >= end.sequence
    },
    CAUGHT_UP_WITHIN_MS,
  )
  const { position, counts } = subscriber.counted()
  t.same(counts, await countOfLog(position), `each of the events up to ${position} is counted once`)
}

t.test('a subscriber that is killed, over a bus that is wiped, counts each event once', (t) =>
  everySeed(t, SECONDS, async (t, random) => {
    const subscriber = subscriberOf(t)
    const load = startLoad(t, random, () => [program])
    subscriber.start()
    for (const fault of [
      async () => {},
      () => stage.nats.restart(),
      () => stage.nats.wipe(),
      () => stage.nats.kill().then(() => stage.nats.wipe()),
    ]) {
      await delay(random.integer(1_500))
      await subscriber.kill()
      await Promise.all([fault(), delay(random.integer(300))])
      subscriber.start()
      await delay(random.integer(1_500))
      await fault()
    }
    await load.stop()
    await assertCountedOnce(t, subscriber)
    t.equal(await subscriber.kill('SIGTERM'), 0, 'it ends in order')
  }),
)

t.test('what an operator removed from the bus is counted from the log', async (t) => {
  const subscriber = subscriberOf(t)
  subscriber.start()
  await program.json('/v1/analytics/track', { body: USE })
  await waitFor('a message', () => subscriber.counted().bus !== undefined, CAUGHT_UP_WITHIN_MS)
  await assertCountedOnce(t, subscriber)
  const { bus } = subscriber.counted()
  subscriber.signal('SIGSTOP')
  await onBus(async (manager) => {
    // What it asked for before it stood still would be given to it before it is removed.
    const asksForNothing = async () =>
      (await manager.consumers.info('TIDEMARK', SUBSCRIBER)).num_waiting === 0
    await waitFor('its request to run out', asksForNothing, CAUGHT_UP_WITHIN_MS)
    for (let use = 0; use < 6; use++) await program.json('/v1/analytics/track', { body: USE })
    await waitFor('the bus', async () => endOfBus(await stage.store.head()), CAUGHT_UP_WITHIN_MS)
    for (const removed of [2, 3, 5])
      await manager.streams.deleteMessage('TIDEMARK', (bus?.sequence ?? 0) + removed)
  })
  subscriber.signal('SIGCONT')
  await assertCountedOnce(t, subscriber)
})

t.test('a count of another log is not added to', async (t) => {
  const subscriber = subscriberOf(t)
  subscriber.start()
  await subscriber.countedUpTo(1n, CAUGHT_UP_WITHIN_MS)
  await subscriber.kill()
  const saved = JSON.parse(readFileSync(subscriber.file, 'utf8'))
  for (const other of [{ eventId: 'another' }, { position: '9000000000' }]) {
    writeFileSync(subscriber.file, JSON.stringify({ ...saved, ...other }))
    subscriber.start()
    t.equal(await subscriber.exited(), 1)
    t.match(subscriber.output, /it is\s+another one, or was set back/)
    t.match(subscriber.counted(), other)
  }
})
