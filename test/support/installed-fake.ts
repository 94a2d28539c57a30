import { randomUUID } from 'node:crypto'
import { copyFileSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { DEFAULT_TENANT } from '../../domain/identity/tenant.ts'
import type { NpmRuntime } from '../../domain/installer/events.ts'
import { streamName } from '../../domain/kernel/ids.ts'
import { versionDirectory } from '../../infra/artifacts/directories.ts'
import { hashTree } from '../../infra/artifacts/version-tree.ts'
import { createEventCodec } from '../../infra/eventstore/codec.ts'
import { createPostgresEventStore } from '../../infra/eventstore/postgres/store.ts'
import { createPool } from '../../infra/postgres/pool.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import { FAKE_RUNTIME } from './mcp-sandbox.ts'

const instant = '2026-01-02T03:04:05.000Z'
const target = (version: string) => ({ kind: 'npm', identifier: 'fake', version })

export type InstalledFake = {
  readonly installationId: string
  /** The tool `where` answers with a path that ends in one of them. */
  readonly directories: readonly [older: string, active: string]
}

/**
 * Puts the fake server where the installer would, in two versions, and says so in the log of
 * programs that run on it.
 */
export async function installFake(databaseUrl: string, dataDir: string): Promise<InstalledFake> {
  const installationId = randomUUID()
  const [first, second] = [randomUUID(), randomUUID()]
  const at = { installedAt: instant, tools: ['echo'] }
  const configuration = { environment: {}, arguments: [], secretNames: [], network: 'none' }
  const named = { sourceId: 'test', serverName: 'io.example/fake', version: '1.0.0' }
  const request = { ...named, target: target('1.0.0'), configuration, requestedAt: instant }
  const update = { from: '1.0.0', to: '1.1.0' }
  await append(databaseUrl, installationId, [
    ['InstallationRequested', { attemptId: first, ...request }],
    ['ServerInstalled', { attemptId: first, version: '1.0.0', ...at, ...(await put(first)) }],
    [
      'ServerUpdateRequested',
      {
        ...{ attemptId: second, ...update, breaking: false, target: target('1.1.0') },
        requestedAt: instant,
      },
    ],
    [
      'ServerUpdated',
      { attemptId: second, ...update, tools: ['echo'], updatedAt: instant, ...(await put(second)) },
    ],
  ])
  return { installationId, directories: [first, second] }

  async function put(attemptId: string): Promise<{ readonly runtime: NpmRuntime }> {
    const directory = versionDirectory(DEFAULT_TENANT, installationId, attemptId)
    const place = path.join(dataDir, directory)
    mkdirSync(place, { recursive: true })
    const { entry, directory: source } = FAKE_RUNTIME
    copyFileSync(path.join(source, entry), path.join(place, entry))
    const { sha256: treeSha256 } = await hashTree(place)
    return { runtime: { ...FAKE_RUNTIME, directory, treeSha256 } }
  }
}

async function append(
  databaseUrl: string,
  installationId: string,
  events: readonly (readonly [type: string, data: Record<string, unknown>])[],
): Promise<void> {
  const pool = createPool(databaseUrl, { max: 1 })
  const codec = createEventCodec({ now: () => new Date() })
  await using store = createPostgresEventStore({
    ...{ pool, codec, logger: silent, metrics: noMetrics },
  })
  const origin = { tenantId: DEFAULT_TENANT, actorId: 'tester' }
  await store.append(
    streamName('installation', DEFAULT_TENANT, installationId),
    events.map(([type, data]) => ({ id: randomUUID(), type, data: { installationId, ...data } })),
    'any',
    { ...origin, correlationId: 'test', causationId: 'test' },
  )
  await pool.end()
}
