import { createFileKeyProvider } from '../../infra/crypto/file-key-provider.ts'
import { createKeyRotation } from '../../infra/crypto/key-rotation.ts'
import type { KeyTables } from '../../infra/crypto/key-tables.ts'
import { createTenantKeys } from '../../infra/crypto/tenant-keys.ts'
import { createEventCodec } from '../../infra/eventstore/codec.ts'
import { createPostgresEventStore } from '../../infra/eventstore/postgres/store.ts'
import { createPool, createReadDatabase } from '../../infra/postgres/pool.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { carryOutRotation } from '../../services/privacy/rotation.ts'

// A process of its own that carries out the rotation under way, to be killed in the middle of it:
//   rotation-process.ts <database URL> <directory of the root keys>

const [url = '', directory = ''] = process.argv.slice(2)
const pool = createPool(url)
const db = createReadDatabase<KeyTables>(pool)
const now = () => new Date()
const provider = createFileKeyProvider(directory)
await carryOutRotation(
  {
    store: createPostgresEventStore({
      ...{ pool, codec: createEventCodec({ now }) },
      ...{ logger: silent, metrics: noMetrics },
    }),
    // Small batches: there are many moments to be killed at.
    rotation: createKeyRotation({
      ...{ db, provider, batch: 5 },
      tenantKeys: createTenantKeys(db, provider),
    }),
    now,
  },
  new AbortController().signal,
)
process.exit(0)
