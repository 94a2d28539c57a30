import { sql } from 'kysely'
import t from 'tap'
import { type Fence, standing } from '../../../infra/postgres/fence.ts'
import { type Held, holdLease } from '../../../infra/postgres/lease.ts'
import { createReadDatabase } from '../../../infra/postgres/pool.ts'
import { silent } from '../../../services/ports/logger.ts'
import { freshPostgresStore } from '../../support/postgres-store.ts'
import { SHORT } from '../../support/short-lease.ts'
import { waitFor } from '../../support/wait-for.ts'

const { pool } = await freshPostgresStore(t)
const db = createReadDatabase<unknown>(pool)

type Taken = Held & { readonly fence: Fence }

/** Holds it until `end`, or until it is lost. */
function holder(name: string) {
  const leaving = new AbortController()
  let held: Taken | undefined
  const options = { pool, name, signal: leaving.signal, logger: silent, timing: SHORT }
  const ended = holdLease(options, async (lease, fences) => {
    held = { ...lease, fence: fences.get(name) as Fence }
    await new Promise((resolve) => lease.signal.addEventListener('abort', resolve))
  })
  return {
    taken: () => waitFor('the lease', () => held),
    has: () => held !== undefined,
    async end() {
      leaving.abort()
      await ended
    },
  }
}

const stands = async (lease: Taken) => (await standing([lease.fence]).execute(db)).rows.length === 1

t.test('one holds it, the next one stands by and has a larger token', async (t) => {
  const first = holder('a')
  const one = await first.taken()
  const second = holder('a')
  const other = holder('b')
  await other.taken()
  t.equal(second.has(), false)
  t.equal(await stands(one), true)
  await first.end()
  const two = await second.taken()
  t.equal(two.fence.token, one.fence.token + 1n)
  t.same([await stands(one), await stands(two)], [false, true])
  t.same([one.isHeld(), two.isHeld()], [false, true])
  await Promise.all([second.end(), other.end()])
})

t.test('who takes it waits for what the holder before has begun to write', async (t) => {
  const first = holder('c')
  const { fence } = await first.taken()
  const second = holder('c')
  await db.transaction().execute(async (trx) => {
    t.equal((await standing([fence]).execute(trx)).rows.length, 1)
    await first.end()
    await waitFor('the next one to wait', async () => {
      const { rows } = await sql`
        select from pg_stat_activity where wait_event_type = 'Lock' and query like '%ops.leases%'
          and datname = current_database()`.execute(db)
      return rows.length > 0
    })
    t.equal(second.has(), false)
  })
  await second.taken()
  await second.end()
})

t.test('a session that was ended for its silence is known to be lost', async (t) => {
  const first = holder('d')
  const lease = await first.taken()
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where pid <> pg_backend_pid() and datname = current_database()
      and pid in (select pid from pg_locks where locktype = 'advisory')`.execute(db)
  await waitFor('it to notice', () => !lease.isHeld())
  await first.end()
  const next = holder('d')
  t.equal((await next.taken()).fence.token, lease.fence.token + 1n)
  await next.end()
})
