import { createEventCodec } from '../../infra/eventstore/codec.ts'
import { createPostgresEventStore } from '../../infra/eventstore/postgres/store.ts'
import { createPool } from '../../infra/postgres/pool.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { runWebhookReactor } from '../../services/webhooks/reactor.ts'
import { reactorDeps } from './webhook-world.ts'

// A process of its own that delivers to webhooks, to be killed while it does:
//   webhooks-process.ts <database URL> <data directory>

const [url = '', dataDir = ''] = process.argv.slice(2)
const pool = createPool(url)
const store = createPostgresEventStore({
  ...{ pool, codec: createEventCodec({ now: () => new Date() }) },
  ...{ logger: silent, metrics: noMetrics },
})
await runWebhookReactor(await reactorDeps(store, pool, dataDir), new AbortController().signal)
