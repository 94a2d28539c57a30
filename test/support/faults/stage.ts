import type pg from 'pg'
import type { Test } from 'tap'
import { openKeyRing } from '../../../infra/crypto/key-ring.ts'
import type { KeyTables } from '../../../infra/crypto/key-tables.ts'
import { createEventCodec, type EventCodec } from '../../../infra/eventstore/codec.ts'
import { createPostgresEventStore } from '../../../infra/eventstore/postgres/store.ts'
import { createPool, createReadDatabase } from '../../../infra/postgres/pool.ts'
import type { EventStore } from '../../../services/ports/event-store.ts'
import { silent } from '../../../services/ports/logger.ts'
import { noMetrics } from '../../../services/ports/metrics.ts'
import { emptyDatabase, emptyDatabaseOn, type TestDatabase } from '../database.ts'
import { type FreshNats, freshNats } from '../nats.ts'
import type { OwnPostgres } from '../own-postgres.ts'
import { newDataDirectory, startTidemark, type TidemarkProcess } from '../program.ts'
import { sealing } from '../sealing.ts'
import { type TcpProxy, tcpProxy } from '../tcp-proxy.ts'
import { waitFor } from '../wait-for.ts'
import type { Ledger } from './ledger.ts'
import { leftRunning } from './left-running.ts'
import { OpenFiles } from './open-files.ts'
import { assertTruth, type TruthOptions } from './truth.ts'

const CATCH_UP_MS = 60_000
/** What Node says of what nobody dealt with, and of listeners that pile up. */
const FORGOTTEN = /unhandled ?rejection|uncaught ?exception|MaxListenersExceededWarning/i

type Teardown = { readonly teardown: (stop: () => Promise<void>) => void }

export type Stage = {
  readonly database: TestDatabase
  readonly nats: FreshNats
  /** Between the program and its servers. */
  readonly toDatabase: TcpProxy
  readonly toBus: TcpProxy
  /** Ways to the log and its database that no fault is put in. */
  readonly store: EventStore
  readonly pool: pg.Pool
  readonly dataDirectory: string
  /** As the program has it: by the proxy. */
  readonly databaseUrl: string
  /** A process of the program on these servers, ready; with all roles unless `environment` says; of this repository's sources unless `root` says. */
  readonly start: (environment?: NodeJS.ProcessEnv, root?: string) => Promise<TidemarkProcess>
  /** What must hold after each fault. */
  readonly assertTruth: (t: Test, ledger: Ledger, options?: TruthOptions) => Promise<void>
  /** Stops the process in order, or all that are left, and looks that nothing of theirs still runs. */
  readonly assertNothingLeft: (t: Test, ...programs: readonly TidemarkProcess[]) => Promise<void>
}

export type StageOptions = {
  /** What the events are read with; by default as this program reads them. */
  readonly codec?: EventCodec
  /** One that is there, with what it holds; by default a new one. */
  readonly database?: TestDatabase
  /** What a process of the program left there is taken; by default a new one. */
  readonly dataDirectory?: string
  /** The database, where it is to be stopped: one on a server of its own. */
  readonly postgres?: OwnPostgres
  /** The log, where it is not in the database. */
  readonly store?: EventStore
  readonly environment?: NodeJS.ProcessEnv
  /** How long a process may take until it is ready. */
  readonly readyWithinMs?: number
}

/** Servers with a proxy in front of each, and what it takes to start programs on them. */
export async function faultStage(t: Teardown, options: StageOptions = {}): Promise<Stage> {
  const { store: given, dataDirectory = newDataDirectory(t), environment = {} } = options
  const database = options.database ?? (await newDatabase(t, options))
  const nats = await freshNats(t)
  const toDatabase = await tcpProxy(t, database.appUrl)
  const toBus = await tcpProxy(t, nats.url)
  const databaseUrl = toDatabase.urlOf(database.appUrl)
  const living = new Set<TidemarkProcess>()
  const openFiles = new OpenFiles()
  const { store: inDatabase, pool } = straightTo(t, database.appUrl, options.codec)
  const store = given ?? inDatabase
  return {
    ...{ database, nats, toDatabase, toBus, store, pool, databaseUrl, dataDirectory },
    async start(more = {}, root) {
      const program = await startTidemark(t, {
        ...(root === undefined ? {} : { root }),
        ...(options.readyWithinMs === undefined ? {} : { readyWithinMs: options.readyWithinMs }),
        databaseUrl,
        databaseOwnerUrl: database.ownerUrl,
        natsUrl: toBus.urlOf(nats.url),
        dataDirectory,
        environment: { SANDBOX: 'none', ALLOW_PRIVATE_UPSTREAMS: '1', ...environment, ...more },
      })
      living.add(program)
      void program.exited.then(() => living.delete(program))
      return program
    },
    async assertTruth(test, ledger, options = { withinMs: CATCH_UP_MS }) {
      const keys = await openKeyRing(createReadDatabase<KeyTables>(pool), dataDirectory)
      const truth = { store: sealing(store, keys), pool, natsUrl: nats.url }
      await assertTruth(test, truth, ledger, options)
      await openFiles.assertSteady(test, living)
    },
    async assertNothingLeft(test, ...programs) {
      for (const program of programs)
        test.same(await program.stop(), { code: 0, signal: null }, 'it ends in order')
      for (const program of programs)
        test.notMatch(program.log(), FORGOTTEN, 'nothing went wrong that nobody dealt with')
      const left = await waitFor('every process to end', () => {
        const running = leftRunning(dataDirectory)
        return running.length === 0 && running
      }).catch(() => leftRunning(dataDirectory))
      test.same(left, [], 'nothing is left running')
    },
  }
}

function newDatabase(t: Teardown, { postgres }: StageOptions): Promise<TestDatabase> {
  return postgres === undefined ? emptyDatabase(t) : emptyDatabaseOn(postgres.superuserUrl)
}

function straightTo(
  t: Teardown,
  appUrl: string,
  codec: EventCodec = createEventCodec({ now: () => new Date() }),
) {
  const pool = createPool(appUrl)
  const store = createPostgresEventStore({ pool, codec, logger: silent, metrics: noMetrics })
  t.teardown(async () => {
    await store[Symbol.asyncDispose]()
    await pool.end()
  })
  return { store, pool }
}
