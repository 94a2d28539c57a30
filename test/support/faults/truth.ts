import { connect } from 'nats'
import type pg from 'pg'
import type { Test } from 'tap'
import { createReadFreshness } from '../../../infra/projector/read-freshness.ts'
import { verifyReadModels } from '../../../infra/projector/verify.ts'
import { readModels } from '../../../projections/read-models.ts'
import type { EventStore, Position, RecordedEvent } from '../../../services/ports/event-store.ts'
import { waitFor } from '../wait-for.ts'
import type { Ledger } from './ledger.ts'

const STREAM = 'TIDEMARK'
const BATCH = 500

/** Ways to the servers that no fault is put in. */
export type Truth = {
  readonly store: EventStore
  readonly pool: pg.Pool
  readonly natsUrl: string
}

export type TruthOptions = {
  /** How long the read models and the bus may take to follow the log. */
  readonly withinMs: number
}

/**
 * What holds after every fault: each acknowledged command is in the log once, at the position
 * that the answer told; the log has no gap and no double; every read model is what a fold of the
 * log from its start gives; the bus holds every event of the log once, in its order.
 */
export async function assertTruth(
  t: Test,
  { store, pool, natsUrl }: Truth,
  ledger: Ledger,
  { withinMs }: TruthOptions,
): Promise<void> {
  await followed(pool, await store.head(), withinMs)
  const log = await logged(store)
  assertLog(t, log)
  assertLedger(t, log, ledger)
  await assertReadModels(t, store, pool)
  await assertBus(t, natsUrl, log, withinMs)
}

/** What is asked of an event; the whole of a million of them would not fit. */
type Logged = Pick<RecordedEvent, 'eventId' | 'position' | 'stream' | 'revision'> & {
  readonly mark: unknown
}

async function logged(store: EventStore): Promise<readonly Logged[]> {
  const log: Logged[] = []
  for await (const { eventId, position, stream, revision, data } of store.readAll())
    log.push({ eventId, position, stream, revision, mark: data.tool ?? data.name })
  return log
}

async function followed(pool: pg.Pool, head: Position, withinMs: number): Promise<void> {
  await using freshness = createReadFreshness({ pool, readModels })
  if (await freshness.waitFor(head, withinMs)) return
  const standing = (await freshness.standingStill()).join(', ') || 'none of them stands still'
  throw new Error(
    `The read models are at ${await freshness.reached()}, not at ${head}: ${standing}.`,
  )
}

function assertLog(t: Test, log: readonly Logged[]): void {
  t.equal(new Set(log.map(({ eventId }) => eventId)).size, log.length, 'every event has its own id')
  const backwards = log.filter(({ position }, at) => position <= (log[at - 1]?.position ?? 0n))
  t.same(backwards, [], 'positions grow')
  const next = new Map<string, bigint>()
  const gaps = log.filter(({ stream, revision }) => {
    const due = next.get(stream) ?? 0n
    next.set(stream, revision + 1n)
    return revision !== due
  })
  t.same(gaps, [], 'no stream has a gap or a double')
}

function assertLedger(t: Test, log: readonly Logged[], ledger: Ledger): void {
  t.same(ledger.wrong.slice(0, 5), [], 'a refusal is a problem that says when to come again')
  const places = new Map<string, Position[]>()
  const asked = new Set(ledger.acknowledged.map(({ mark }) => mark))
  for (const { position, mark } of log)
    if (typeof mark === 'string' && asked.has(mark))
      places.set(mark, [...(places.get(mark) ?? []), position])
  const untrue = ledger.acknowledged.filter(({ mark, position }) => {
    const [only, ...more] = places.get(mark) ?? []
    return only !== position || more.length > 0
  })
  const count = ledger.acknowledged.length
  t.same(untrue, [], `each of ${count} acknowledged commands is in the log once, where it says`)
}

async function assertReadModels(t: Test, store: EventStore, pool: pg.Pool): Promise<void> {
  const signal = new AbortController().signal
  const { readModels: verdicts } = await verifyReadModels({ pool, store, readModels, signal })
  const untrue = verdicts.filter(
    ({ verdict, parkedStreams, stopped }) =>
      verdict !== 'identical' || parkedStreams > 0 || stopped !== null,
  )
  t.same(untrue, [], 'every read model is what a fold of the log gives')
}

/** Compares as far as the log went when it was read: meanwhile both may have gone on. */
async function assertBus(
  t: Test,
  natsUrl: string,
  log: readonly Logged[],
  withinMs: number,
): Promise<void> {
  const wanted = log.map(({ eventId, position }) => `${position} ${eventId}`)
  const held = await waitFor(
    'the bus to hold the log',
    async () => {
      const found = await messagesOf(natsUrl, wanted.length).catch(() => [])
      return found.length >= wanted.length && found
    },
    withinMs,
  )
  const firstWrong = wanted.findIndex((event, at) => held[at] !== event)
  t.equal(firstWrong, -1, `the bus holds the ${wanted.length} events of the log once, in order`)
}

/** @returns nothing while there are fewer than `least`. */
async function messagesOf(natsUrl: string, least: number): Promise<string[]> {
  const connection = await connect({ servers: natsUrl.replace('nats://', '') })
  try {
    const manager = await connection.jetstreamManager()
    const { state } = await manager.streams.info(STREAM)
    const consumer = await connection.jetstream().consumers.get(STREAM)
    const found: string[] = []
    if (state.messages < least) return found
    while (found.length < state.messages) {
      const batch = await consumer.fetch({ max_messages: BATCH, expires: 2_000 })
      for await (const { headers } of batch)
        found.push(
          `${headers?.get('tidemark-position')} ${headers?.get('ce-id')}${headers?.get('tidemark-data-omitted')}`,
        )
    }
    return found
  } finally {
    await connection.close()
  }
}
