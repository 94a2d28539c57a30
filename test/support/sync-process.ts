import { createEventCodec } from '../../infra/eventstore/codec.ts'
import { createPostgresEventStore } from '../../infra/eventstore/postgres/store.ts'
import { createPool, createReadDatabase } from '../../infra/postgres/pool.ts'
import { createReadFreshness } from '../../infra/projector/read-freshness.ts'
import { createSyncLedger } from '../../infra/registry/sync-ledger.ts'
import { createUpstreamRegistry } from '../../infra/registry/upstream-registry.ts'
import type { CatalogueTables } from '../../projections/registry/catalogue-tables.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { DEFAULT_SYNC_LIMITS } from '../../services/registry/sync-limits.ts'
import { runSync } from '../../services/registry/sync-runner.ts'

// A process of its own that carries out one run, to be killed in the middle of it:
//   sync-process.ts <database URL> <tenant> <source> <run>

const [url = '', tenantId = '', sourceId = '', runId = ''] = process.argv.slice(2)
const pool = createPool(url)
const now = () => new Date()
const shared = { logger: silent, metrics: noMetrics }
await runSync(
  {
    events: createPostgresEventStore({ pool, codec: createEventCodec({ now }), ...shared }),
    db: createReadDatabase<CatalogueTables>(pool),
    freshness: createReadFreshness({ pool }),
    upstream: createUpstreamRegistry({ http: { allowPrivate: true }, files: { roots: [] } }),
    ledger: createSyncLedger(pool),
    limits: { ...DEFAULT_SYNC_LIMITS, leaseMs: 1_000 },
    now,
    ...shared,
  },
  { tenantId, sourceId },
  runId,
  new AbortController().signal,
)
process.exit(0)
