import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { openKeyRing } from '../../infra/crypto/key-ring.ts'
import type { KeyTables } from '../../infra/crypto/key-tables.ts'
import { createEventCodec } from '../../infra/eventstore/codec.ts'
import { PersonalData } from '../../infra/eventstore/personal-data.ts'
import { createPostgresEventStore } from '../../infra/eventstore/postgres/store.ts'
import { createSealingStore } from '../../infra/eventstore/sealing-store.ts'
import { migrate } from '../../infra/postgres/migrate.ts'
import { createPool, createReadDatabase } from '../../infra/postgres/pool.ts'
import type { AppendContext, EventStore, NewEvent } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { locate } from '../stack/locate.ts'
import { startNats } from '../stack/nats.ts'
import { startPostgres } from '../stack/postgres.ts'

/** Throw-away servers with the durability of real ones: Postgres syncs every commit. */
export type Stage = {
  readonly directory: string
  readonly natsUrl: string
  /** Address of a message bus that nothing else uses. */
  readonly bus: () => Promise<string>
  /** An own, migrated database each time. */
  readonly database: () => Promise<{ url: string; pool: pg.Pool; store: EventStore }>
  readonly close: () => Promise<void>
}

export const BENCH_CONTEXT: AppendContext = {
  tenantId: 'bench',
  actorId: 'bench',
  correlationId: 'bench',
  causationId: 'bench',
}

/** A tool call of about 400 bytes with its metadata: the event that the system writes most. */
export function usageEvent(id: string, index: number): NewEvent {
  return {
    id,
    type: 'UsageTracked',
    data: {
      serviceId: `io.example/server-${index % 200}`,
      tool: `tool-${index % 30}`,
      durationMs: (index * 7919) % 2_000,
      outcome: index % 20 === 0 ? 'error' : 'ok',
      occurredAt: new Date(Date.UTC(2026, 0, 1) + (index % 30) * 86_400_000).toISOString(),
    },
  }
}

export async function openStage(): Promise<Stage> {
  const directory = mkdtempSync(path.join(tmpdir(), 'tidemark-bench-'))
  const found = process.env.NATS_SERVER_BIN ?? locate('nats-server')
  if (found === undefined) throw new Error('No nats-server here: run `make up` once first.')
  const program: string = found
  const postgres = await startPostgres({
    directory: path.join(directory, 'postgres'),
    settings: { shared_buffers: '512MB', max_wal_size: '4GB' },
  })
  const nats = await startNats({ program, directory: path.join(directory, 'nats') })
  const closing: (() => Promise<unknown>)[] = []
  let databases = 0

  async function database() {
    const name = `bench_${++databases}`
    const admin = new pg.Client({ connectionString: postgres.superuserUrl })
    await admin.connect()
    await admin.query(`create database ${name}`)
    await admin.end()
    const url = Object.assign(new URL(postgres.superuserUrl), { pathname: `/${name}` }).href
    await migrate({ ownerUrl: url })
    const pool = createPool(url, { max: 24 })
    const codec = createEventCodec({ now: () => new Date() })
    const log = createPostgresEventStore({ pool, codec, logger: silent, metrics: noMetrics })
    closing.push(async () => {
      await log[Symbol.asyncDispose]()
      await pool.end()
    })
    const { subjectKeys } = await openKeyRing(createReadDatabase<KeyTables>(pool), directory)
    const personal = new PersonalData({ keys: subjectKeys, logger: silent })
    return { url, pool, store: createSealingStore({ log, personal, logger: silent }) }
  }

  async function bus() {
    const own = await startNats({ program, directory: mkdtempSync(path.join(directory, 'bus-')) })
    closing.push(() => own.stop())
    return own.url
  }

  async function close() {
    for (const end of closing.reverse()) await end()
    await nats.stop()
    await postgres.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  return { directory, natsUrl: nats.url, bus, database, close }
}
