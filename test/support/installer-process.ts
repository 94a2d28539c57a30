/** Drives one installation until nothing is owed; a test kills it at any moment and starts it again. */
import { createEventCodec } from '../../infra/eventstore/codec.ts'
import { createPostgresEventStore } from '../../infra/eventstore/postgres/store.ts'
import type { NpmProgram } from '../../infra/npm/npm-program.ts'
import { createPool } from '../../infra/postgres/pool.ts'
import { driveInstallation } from '../../services/installer/reactor.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { installerParts } from './installer-world.ts'

export type InstallerJob = {
  readonly appUrl: string
  readonly dataDir: string
  readonly npm: NpmProgram
  readonly installationId: string
}

const { appUrl, dataDir, npm, installationId } = JSON.parse(process.env.JOB ?? '') as InstallerJob
const pool = createPool(appUrl, { max: 4 })
const codec = createEventCodec({ now: () => new Date() })
const store = createPostgresEventStore({ pool, codec, logger: silent, metrics: noMetrics })
const parts = await installerParts({ store, appUrl, dataDir, npm })
process.stdout.write('driving')
await driveInstallation(parts, { tenantId: 'acme', installationId }, new AbortController().signal)
process.exit(0)
