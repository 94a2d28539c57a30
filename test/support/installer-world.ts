import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createArtifactStore } from '../../infra/artifacts/artifact-store.ts'
import { openKeyRing } from '../../infra/crypto/key-ring.ts'
import type { KeyTables } from '../../infra/crypto/key-tables.ts'
import { createSecretStore } from '../../infra/crypto/secret-store.ts'
import { createMcpConnector } from '../../infra/mcp/connector.ts'
import type { NpmProgram } from '../../infra/npm/npm-program.ts'
import { createNpmInstaller } from '../../infra/npm/package-installer.ts'
import { createPool, createReadDatabase } from '../../infra/postgres/pool.ts'
import { createSandbox } from '../../infra/sandbox/sandbox.ts'
import type { Tables } from '../../projections/read-models.ts'
import { createServerProbe } from '../../services/installer/probe.ts'
import type { EventStore } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'

/** Everything that the installer's services take, real, on this database and directory. */
export async function installerParts(options: {
  readonly store: EventStore
  readonly appUrl: string
  readonly dataDir: string
  readonly npm: NpmProgram
  readonly probeTimeoutMs?: number
}) {
  const { store, appUrl, dataDir, npm, probeTimeoutMs } = options
  mkdirSync(path.join(dataDir, 'servers'), { recursive: true })
  const pool = createPool(appUrl, { max: 4 })
  const db = createReadDatabase<Tables>(pool)
  const opsDb = createReadDatabase<KeyTables>(pool)
  const { tenantKeys } = await openKeyRing(opsDb, dataDir)
  const secrets = createSecretStore({ db: opsDb, tenantKeys })
  const artifacts = createArtifactStore({ dataDir })
  const sandbox = await createSandbox({ dataDir, setting: 'auto' })
  const connector = createMcpConnector({
    ...{ sandbox, secrets, artifacts, fetch },
    clientInfo: { name: 'tidemark-test', version: '0.0.0' },
    stdio: { graceMs: 200 },
  })
  return {
    ...{ pool, db, events: store, secrets, artifacts, sandbox, connector },
    packages: createNpmInstaller({ dataDir, npm, minFreeBytes: 1 }),
    probe: createServerProbe(connector, probeTimeoutMs),
    now: () => new Date(),
    logger: silent,
    metrics: noMetrics,
  }
}

/** Gone at teardown. */
export function dataDirectory(t: { readonly teardown: (remove: () => void) => void }): string {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'tidemark-data-'))
  t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
  return dataDir
}
