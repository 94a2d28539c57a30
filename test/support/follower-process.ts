/**
 * A projector or a relay as a process of its own, whose lease is free again soon after it stands
 * still: `node --import tsx follower-process.ts projector|relay <database> [<NATS>]`. Tells its
 * parent what it logs, such as that it has taken a lease.
 */
import { createEventCodec } from '../../infra/eventstore/codec.ts'
import { createPostgresEventStore } from '../../infra/eventstore/postgres/store.ts'
import { createNatsMessageBus } from '../../infra/nats/message-bus.ts'
import { runRelay } from '../../infra/nats/relay.ts'
import { holdLease } from '../../infra/postgres/lease.ts'
import { createPool } from '../../infra/postgres/pool.ts'
import { createProjector } from '../../infra/projector/projector.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { SHORT } from './short-lease.ts'
import { uses } from './usage-projection.ts'

const [kind, databaseUrl = '', natsUrl = ''] = process.argv.slice(2)
const { signal } = new AbortController()
const pool = createPool(databaseUrl)
const logger = { ...silent, info: (_facts: object, text: string) => process.send?.(text) }
const store = createPostgresEventStore({
  ...{ pool, codec: createEventCodec({ now: () => new Date() }), logger: silent },
  metrics: noMetrics,
})
const shared = { store, logger, metrics: noMetrics }

if (kind === 'projector')
  await createProjector({ ...shared, pool, readModels: [uses], timing: SHORT }).run(signal)
else {
  const bus = createNatsMessageBus({ url: natsUrl, logger: silent })
  const wanted = { pool, name: 'relay', logger, timing: SHORT }
  await runRelay({
    ...{ ...shared, bus, signal },
    hold: (until, work) => holdLease({ ...wanted, signal: until }, work),
  })
}
