import { randomUUID } from 'node:crypto'
import t from 'tap'
import { createPool } from '../../../infra/postgres/pool.ts'
import { createDeliveryLedger } from '../../../infra/webhooks/delivery-ledger.ts'
import type { Attempt, WebhookKey } from '../../../services/ports/delivery-ledger.ts'
import { freshDatabase } from '../../support/database.ts'

const { appUrl } = await freshDatabase(t)
const pool = createPool(appUrl)
t.teardown(() => pool.end())
const ledger = createDeliveryLedger(pool)

const START = new Date('2026-01-02T03:04:05.000Z')
const after = (ms: number) => new Date(START.getTime() + ms)
const attempt = (outcome: string, at = START): Attempt => ({
  ...{ at, outcome, durationMs: 1, status: outcome === 'delivered' ? 200 : 500, answer: '' },
})

function places(...positions: number[]) {
  return positions.map((position) => ({
    eventId: randomUUID(),
    position: BigInt(position),
    stream: 'thing-acme.1',
    revision: BigInt(position),
    type: 'UsageTracked',
  }))
}

/** A webhook that stands at position 10 and is owed `positions`. */
async function owing(...positions: number[]) {
  const key: WebhookKey = { tenantId: 'acme', webhookId: randomUUID() }
  await ledger.progress(key, 10n)
  const to = BigInt(Math.max(10, ...positions))
  const events = places(...positions)
  await ledger.enqueue(key, { from: 10n, to }, events, START)
  return { key, events, to }
}

t.test('of two processes that take the same events in, one does', async (t) => {
  const { key, to } = await owing(11, 12)
  const late = await ledger.enqueue(key, { from: 10n, to: 13n }, places(11, 13), START)
  t.equal(late, false)
  t.match(await ledger.progress(key, 0n), { position: to, owed: 2 })
})

t.test('of two records of one attempt the first counts, and none of an older round', async (t) => {
  const { key } = await owing(11)
  const [owed] = await ledger.due(key, START, 10)
  if (owed === undefined) throw new Error('It is due.')
  const next = { state: 'owed', at: after(5_000) } as const
  t.equal(await ledger.record(key, owed, attempt('refused'), next), true)
  t.equal(await ledger.record(key, owed, attempt('delivered'), { state: 'delivered' }), false)
  t.match(await ledger.find(key, owed.eventId), { state: 'owed', attempts: 1 })

  t.same(await ledger.due(key, after(4_999), 10), [])
  const [again] = await ledger.due(key, after(5_000), 10)
  t.match(again, { attempts: 1, firstAttemptAt: START })
  if (again === undefined) throw new Error('It is due.')
  await ledger.record(key, again, attempt('refused'), { state: 'parked' })
  await ledger.replay(key, 20n, { kind: 'event', eventId: owed.eventId }, START)
  t.match(await ledger.find(key, owed.eventId), { state: 'owed', attempts: 0, round: 1 })
  t.equal(await ledger.record(key, owed, attempt('delivered'), { state: 'delivered' }), false)
})

t.test('a request is carried out once, however often it is read', async (t) => {
  const { key, events } = await owing(11)
  const [{ eventId } = { eventId: '' }] = events
  const replay = { kind: 'event', eventId } as const
  for (let times = 0; times < 2; times++) {
    const [owed] = await ledger.due(key, START, 1)
    if (owed !== undefined)
      await ledger.record(key, owed, attempt('delivered'), { state: 'delivered' })
    await ledger.replay(key, 20n, replay, START)
  }
  t.match(await ledger.find(key, eventId), { state: 'delivered', round: 1 })
  t.match(await ledger.progress(key, 0n), { handled: 20n })
})

t.test('a held webhook has nothing due until the time is over', async (t) => {
  const { key } = await owing(11)
  await ledger.hold(key, after(60_000))
  await ledger.hold(key, after(30_000))
  t.same(await ledger.due(key, after(59_999), 1), [])
  t.same(await ledger.nextDue(key), after(60_000))
  t.equal((await ledger.due(key, after(60_000), 1)).length, 1)
  await ledger.resume(key, 20n, START)
  t.equal((await ledger.due(key, START, 1)).length, 1, 'whoever resumes it does not wait')
})

t.test('a part of the log ends where the webhook stands', async (t) => {
  const { key, events } = await owing(11, 12)
  const request = { kind: 'all', replayId: randomUUID(), after: 0n, through: 99n } as const
  await ledger.replay(key, 20n, request, START)
  const [part] = await ledger.openReplays(key)
  t.match(part, { replayId: request.replayId, position: 0n, through: 12n })
  if (part === undefined) throw new Error('It is open.')
  const old = places(5)
  await ledger.advanceReplay(key, part, 5n, old, START)
  await ledger.advanceReplay(key, part, 5n, places(6), START)
  t.match(await ledger.progress(key, 0n), { owed: 3 }, 'the second came too late')
  const [rest] = await ledger.openReplays(key)
  if (rest === undefined) throw new Error('It is open.')
  await ledger.advanceReplay(key, rest, 12n, events, START)
  t.same(await ledger.openReplays(key), [])
  t.match(await ledger.progress(key, 0n), { owed: 3 }, 'what is owed is owed once')
})

t.test('what was delivered is forgotten in time; the rest is not', async (t) => {
  const { key } = await owing(11, 12)
  const [owed] = await ledger.due(key, START, 1)
  if (owed === undefined) throw new Error('It is due.')
  await ledger.record(key, owed, attempt('delivered'), { state: 'delivered' })
  await ledger.prune(START)
  t.equal((await ledger.list(key, { limit: 9 })).length, 2)
  await ledger.prune(after(1))
  t.match(await ledger.list(key, { limit: 9 }), [{ state: 'owed' }])
  t.match(await ledger.backlog(key), [{ owed: 1, parked: 0, lastDeliveredAt: START }])
})

t.test('what is owed is counted for each webhook', async (t) => {
  const [one, other] = [await owing(11, 12, 13), await owing()]
  const all = await ledger.backlog()
  const of = ({ webhookId }: WebhookKey) => all.find((each) => each.webhookId === webhookId)
  t.match(of(one.key), { owed: 3, oldestOwedAt: START })
  t.match(of(other.key), { owed: 0, oldestOwedAt: undefined })
  await ledger.forget(one.key)
  t.same(await ledger.backlog(one.key), [])
})
