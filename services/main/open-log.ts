import type { Kysely } from 'kysely'
import { type KeyRing, openKeyRing } from '../../infra/crypto/key-ring.ts'
import type { KeyTables } from '../../infra/crypto/key-tables.ts'
import { withCircuit } from '../../infra/eventstore/circuit.ts'
import { createEventCodec, type EventCodec } from '../../infra/eventstore/codec.ts'
import { PersonalData } from '../../infra/eventstore/personal-data.ts'
import { createPostgresEventStore } from '../../infra/eventstore/postgres/store.ts'
import { createSealingStore } from '../../infra/eventstore/sealing-store.ts'
import type { EventStore } from '../ports/event-store.ts'
import type { Logger } from '../ports/logger.ts'
import type { Metrics } from '../ports/metrics.ts'
import type { DataConfig } from './config.ts'
import { type Owned, ownPool } from './owned.ts'
import { orStartError } from './wait-for-dependency.ts'

/** Of its own, so that a burst of queries does not keep the log from being read. */
const MAX_LOG_CONNECTIONS = 10

export type LogDeps = {
  readonly config: DataConfig
  /** Where the keys of personal data are. */
  readonly db: Kysely<KeyTables>
  readonly logger: Logger
  readonly owned: Owned
  readonly metrics: Metrics
  readonly now: () => Date
}

export type OpenLog = {
  readonly keys: KeyRing
  /** As stored, personal data encrypted: for what leaves the process. */
  readonly log: EventStore
  /** The log with personal data in plain text. */
  readonly store: EventStore
}

/** @throws {StartError} when the address of the event store, or the keys, cannot be used. */
export async function openLog(deps: LogDeps): Promise<OpenLog> {
  const { config, db, logger, owned } = deps
  const keys = await orStartError('The keys cannot be used', () =>
    openKeyRing(db, config.dataDirectory),
  )
  const codec = createEventCodec({ now: deps.now })
  const stored = await orStartError('EVENTSTORE_URL cannot be used', () => openStored(deps, codec))
  const log = owned.use('event store', withCircuit(stored, logger))
  const personal = new PersonalData({ keys: keys.subjectKeys, logger })
  return { keys, log, store: createSealingStore({ log, personal, logger }) }
}

async function openStored(
  { config: { databaseUrl, eventStoreUrl }, logger, metrics, owned }: LogDeps,
  codec: EventCodec,
): Promise<EventStore> {
  if (eventStoreUrl === undefined)
    return createPostgresEventStore({
      pool: ownPool(owned, databaseUrl, { max: MAX_LOG_CONNECTIONS }),
      ...{ codec, logger, metrics },
    })
  // Loaded where it is used: its client brings gRPC along.
  const { createEventStoreDbEventStore } = await import(
    '../../infra/eventstore/eventstoredb/event-store.ts'
  )
  return createEventStoreDbEventStore({
    connectionString: eventStoreUrl,
    ...{ codec, logger, metrics },
  })
}
