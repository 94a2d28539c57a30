import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { sql } from 'kysely'
import { connect } from 'nats'
import type pg from 'pg'
import t, { type Test } from 'tap'
import { createNatsMessageBus } from '../../infra/nats/message-bus.ts'
import { holdLease } from '../../infra/postgres/lease.ts'
import { silent } from '../../services/ports/logger.ts'
import { freshNats } from '../support/nats.ts'
import { SHORT } from '../support/short-lease.ts'
import { callsOf, track, usageFixture } from '../support/usage-projection.ts'
import { waitFor } from '../support/wait-for.ts'

const START_MS = 60_000
const PROGRAM = path.resolve(import.meta.dirname, '../support/follower-process.ts')

type Follower = {
  readonly child: ChildProcess
  /** How often it has taken its lease. */
  readonly taken: () => number
}

function follower(t: Test, ...args: readonly string[]): Follower {
  const child = fork(PROGRAM, args, {
    execArgv: ['--import', 'tsx'],
    env: { PATH: process.env.PATH },
  })
  let taken = 0
  child.on('message', (text) => {
    if (text === 'leases taken') taken += 1
  })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  return { child, taken: () => taken }
}

/**
 * Pauses the follower until somebody else has its lease, does `meanwhile`, and has it wake up.
 * Calls `then` when it has found out that the lease is not its own any more, then gives it back.
 */
async function whilePaused(
  { child, taken }: Follower,
  { pool, name }: { readonly pool: pg.Pool; readonly name: string },
  meanwhile: () => Promise<unknown>,
  then: () => Promise<unknown>,
): Promise<void> {
  child.kill('SIGSTOP')
  const leaving = new AbortController()
  const wanted = { pool, name, signal: leaving.signal, logger: silent, timing: SHORT }
  const before = taken()
  await holdLease(wanted, async () => {
    await meanwhile()
    child.kill('SIGCONT')
    await waitFor('the paused one to stand by', () => standsBy(pool))
    await then()
    leaving.abort()
  })
  await waitFor('it to take the lease again', () => taken() > before)
}

/** Whether somebody asks for a lease that another session holds. */
async function standsBy(pool: pg.Pool): Promise<boolean> {
  const { rowCount } = await pool.query(`
    select from pg_stat_activity where datname = current_database() and state = 'idle'
      and query like 'select name, pg_try_advisory_lock%'`)
  return (rowCount ?? 0) > 0
}

t.test('a projector that was paused writes nothing once another one has taken over', async (t) => {
  const fixture = await usageFixture(t)
  const { appUrl, db, pool, store } = fixture
  const projector = follower(t, 'projector', appUrl)
  await track(store, '1', 'a')
  await waitFor('the projection', async () => (await callsOf(fixture)).a === 1, START_MS)
  /** Changes with every transaction that writes it, whatever it writes. */
  const checkpoint = async () =>
    (await sql`select xmin::text, position from read.checkpoints`.execute(db)).rows
  const before = await checkpoint()
  await whilePaused(
    projector,
    { pool, name: 'projector read uses 1' },
    () => track(store, '1', 'b', 'b'),
    async () => {
      t.same(await checkpoint(), before)
      t.same(await callsOf(fixture), { a: 1 })
    },
  )
  await waitFor('the projection', async () => (await callsOf(fixture)).b === 2)
  t.same(await callsOf(fixture), { a: 1, b: 2 })
})

t.test('a relay that was paused publishes nothing once another one has taken over', async (t) => {
  const { appUrl, pool, store } = await usageFixture(t)
  const { url } = await freshNats(t)
  const bus = createNatsMessageBus({ url, logger: silent })
  t.teardown(() => bus[Symbol.asyncDispose]())
  const relay = follower(t, 'relay', appUrl, url)
  await track(store, '1', 'a')
  const isAt = async (position: bigint) => (await bus.lastPosition()) === position
  const first = await store.head()
  await waitFor('the relay', () => isAt(first), START_MS)
  await whilePaused(
    relay,
    { pool, name: 'relay' },
    () => track(store, '1', 'b', 'b'),
    async () => t.equal(await bus.lastPosition(), first),
  )
  const last = await store.head()
  await waitFor('the relay', () => isAt(last))
  const connection = await connect({ servers: url })
  const { state } = await (await connection.jetstreamManager()).streams.info('TIDEMARK')
  await connection.close()
  t.equal(state.messages, 3, 'each event once')
})
