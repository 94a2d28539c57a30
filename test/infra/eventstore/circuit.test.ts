import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import { withCircuit } from '../../../infra/eventstore/circuit.ts'
import { EventStoreUnavailableError } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { freshDatabase } from '../../support/database.ts'
import { all, createScene } from '../../support/event-store-contract/scene.ts'
import { tcpProxy } from '../../support/tcp-proxy.ts'
import { waitFor } from '../../support/wait-for.ts'
import { openStore } from './postgres/open-stores.ts'

/** Far less than a call takes that waits for an answer. */
const AT_ONCE_MS = 2_000

t.test('a store that is away is not asked until its head can be read', async (t) => {
  const { appUrl } = await freshDatabase(t)
  const proxy = await tcpProxy(t, appUrl)
  const store = withCircuit(openStore(t, proxy.urlOf(appUrl)), silent)
  const { newStream, note, context } = createScene(store)
  await store.append(newStream(), [note()], 'no-stream', context)

  await proxy.cut()
  await t.rejects(store.head(), EventStoreUnavailableError)
  await proxy.restore()
  proxy.freeze()
  const refused = Promise.all([
    t.rejects(
      store.append(newStream(), [note()], 'no-stream', context),
      EventStoreUnavailableError,
    ),
    t.rejects(all(store.readAll()), EventStoreUnavailableError),
    t.rejects(all(store.readStream('note-acme.1')), EventStoreUnavailableError),
    t.rejects(store.head(), EventStoreUnavailableError),
  ])
  const inTime = refused.then(() => true)
  t.ok(await Promise.race([inTime, delay(AT_ONCE_MS, false, { ref: false })]), 'refused at once')

  proxy.thaw()
  const stream = newStream()
  await waitFor('the store to be used again', async () => {
    const appended = store.append(stream, [note()], 'no-stream', context)
    return await appended.then(() => true).catch(() => undefined)
  })
  await store[Symbol.asyncDispose]()
})

t.test('a store that takes no appends can still be read', async (t) => {
  const { appUrl, ownerUrl } = await freshDatabase(t)
  const store = withCircuit(openStore(t, appUrl), silent)
  const { newStream, note, context } = createScene(store)
  await asOwner(ownerUrl, 'set default_transaction_read_only = on')
  await t.rejects(
    store.append(newStream(), [note()], 'no-stream', context),
    EventStoreUnavailableError,
  )
  t.equal(await store.head(), 0n)
  await asOwner(ownerUrl, 'reset default_transaction_read_only')
  const appended = await store.append(newStream(), [note()], 'no-stream', context)
  t.equal(appended.position, 1n, 'and appends are tried')
  await store[Symbol.asyncDispose]()
})

async function asOwner(ownerUrl: string, setting: string): Promise<void> {
  const client = new pg.Client({
    connectionString: ownerUrl,
    options: '-c default_transaction_read_only=off',
  })
  await client.connect()
  const name = new URL(ownerUrl).pathname.slice(1)
  await client.query(`alter database ${name} ${setting}`)
  await client.end()
}
