import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { nodeArguments } from '../../../../infra/node-program.ts'
import { createPool } from '../../../../infra/postgres/pool.ts'
import { EventStoreUnavailableError } from '../../../../services/ports/event-store.ts'
import { freshDatabase } from '../../../support/database.ts'
import {
  all,
  createScene,
  followUntil,
  idsOf,
} from '../../../support/event-store-contract/scene.ts'
import { tcpProxy } from '../../../support/tcp-proxy.ts'
import { waitFor } from '../../../support/wait-for.ts'
import { openStore } from './open-stores.ts'

const PROCESS = import.meta.resolve('./appending-process.ts')

t.test('connections killed in the middle lose and double nothing', async (t) => {
  const { appUrl } = await freshDatabase(t)
  const store = openStore(t, appUrl)
  const { newStream, note, context } = createScene(store)
  const [writers, rounds] = [6, 30]
  const following = followUntil(
    (signal) => store.follow({ after: 0n, signal }),
    (seen) => seen.length >= writers * rounds,
  )
  let done = false
  const killing = (async () => {
    const killer = createPool(appUrl, { max: 1 })
    let killed = 0
    while (!done && killed < 40) {
      const { rowCount } = await killer.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and backend_type = 'client backend'
           and pid <> pg_backend_pid()`,
      )
      killed += rowCount ?? 0
      await delay(30)
    }
    await killer.end()
    return killed
  })()
  const appended: string[][] = await Promise.all(
    Array.from({ length: writers }, async () => {
      const stream = newStream()
      const ids: string[] = []
      for (let round = 0; round < rounds; round++) {
        const event = note()
        const expected = round === 0 ? 'no-stream' : BigInt(round - 1)
        const sent = await waitFor('the append', () =>
          store.append(stream, [event], expected, context).catch((error) => {
            if (!(error instanceof EventStoreUnavailableError)) throw error
            return undefined
          }),
        )
        if (sent.revision !== BigInt(round)) t.fail(`revision ${sent.revision} for ${round}`)
        ids.push(event.id)
      }
      return ids
    }),
  )
  done = true
  t.ok((await killing) > 5, 'connections were killed')
  const { events } = await following
  const stored = await all(store.readAll())
  t.same(idsOf(events), idsOf(stored))
  t.same([...idsOf(stored)].sort(), appended.flat().sort())
})

t.test('without a server every call says so soon, and works again once it is back', async (t) => {
  const { appUrl } = await freshDatabase(t)
  const proxy = await tcpProxy(t, appUrl)
  const store = openStore(t, proxy.urlOf(appUrl))
  const { newStream, note, context } = createScene(store)
  const stream = newStream()
  await store.append(stream, [note()], 'no-stream', context)
  const following = followUntil(
    (signal) => store.follow({ after: 0n, signal }),
    (seen) => seen.length === 2,
  )
  await proxy.cut()
  const startedAt = performance.now()
  const event = note()
  await t.rejects(store.append(stream, [event], 0n, context), EventStoreUnavailableError)
  await t.rejects(all(store.readStream(stream)), EventStoreUnavailableError)
  await t.rejects(all(store.readAll()), EventStoreUnavailableError)
  await t.rejects(store.head(), EventStoreUnavailableError)
  t.ok(performance.now() - startedAt < 5_000)
  await proxy.restore()
  t.match(await store.append(stream, [event], 0n, context), { revision: 1n })
  t.equal((await all(store.readStream(stream))).length, 2)
  t.equal((await following).events.length, 2)
})

t.test('a server that goes away for a moment is not noticed', async (t) => {
  const { appUrl } = await freshDatabase(t)
  const proxy = await tcpProxy(t, appUrl)
  const store = openStore(t, proxy.urlOf(appUrl))
  const { newStream, note, context } = createScene(store)
  await store.append(newStream(), [note()], 'any', context)
  await proxy.cut()
  const appending = store.append(newStream(), [note()], 'any', context)
  await proxy.restore()
  t.equal((await appending).revision, 0n)
})

t.test(
  'a server that hangs is given up, and the outcome can be asked for',
  { timeout: 60_000 },
  async (t) => {
    const { appUrl } = await freshDatabase(t)
    const proxy = await tcpProxy(t, appUrl)
    const store = openStore(t, proxy.urlOf(appUrl), {
      timeouts: { appendMs: 1_000, statementMs: 400, readMs: 1_000 },
    })
    const { newStream, note, context } = createScene(store)
    const stream = newStream()
    await store.append(stream, [note()], 'no-stream', context)
    t.equal(await store.head(), 1n)
    proxy.freeze()
    const event = note()
    await t.rejects(store.append(stream, [event], 0n, context), EventStoreUnavailableError)
    await t.rejects(store.head(), EventStoreUnavailableError)
    proxy.thaw()
    t.match(await store.append(stream, [event], 0n, context), { revision: 1n })
    t.equal((await all(store.readStream(stream))).length, 2)
  },
)

t.test('a lock holder that falls silent loses the lock', { timeout: 60_000 }, async (t) => {
  const { appUrl } = await freshDatabase(t)
  const stuck = new pg.Client({ connectionString: appUrl })
  stuck.on('error', () => {})
  await stuck.connect()
  await stuck.query(`select log.prepare_append(true, '{}', '{}', '{}')`)
  t.match((await stuck.query('show idle_session_timeout')).rows, [{ idle_session_timeout: '10s' }])
  await stuck.query(`set idle_session_timeout = '500ms'`)
  const store = openStore(t, appUrl)
  const { newStream, note, context } = createScene(store)
  const stream = newStream()
  const event = note()
  const appended = await waitFor(
    'the lock',
    () => store.append(stream, [event], 'no-stream', context).catch(() => undefined),
    30_000,
  )
  t.equal(appended.revision, 0n)
  await stuck.end().catch(() => {})
})

t.test('what a killed process was told is in the log, once', { timeout: 120_000 }, async (t) => {
  const { appUrl } = await freshDatabase(t)
  const writers = 4
  const acknowledged = Array.from({ length: writers }, () => 0)
  for (const livesMs of [60, 150, 40, 250, 100]) {
    const child = spawn(process.execPath, nodeArguments(PROCESS, appUrl, acknowledged.join()), {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    const exited = once(child, 'exit')
    let answers = 0
    for await (const line of createInterface({ input: child.stdout })) {
      if (answers++ === 0) setTimeout(() => child.kill('SIGKILL'), livesMs)
      const [writer = 0, revision = 0] = line.split(' ').map(Number)
      acknowledged[writer] = revision + 1
    }
    await exited
  }
  const store = openStore(t, appUrl)
  const stored = await all(store.readAll())
  for (const [writer, count] of acknowledged.entries()) {
    const own = stored.filter(({ stream }) => stream.endsWith(`.writer-${writer}`))
    t.ok(
      count > 0 && own.length >= count && own.length <= count + 1,
      'all that was acknowledged, and one in flight at most',
    )
    t.same(
      own.map(({ data }) => data.text),
      own.map((_, index) => `${writer}/${index}`),
    )
  }
})
