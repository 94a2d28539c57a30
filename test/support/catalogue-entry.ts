import { createHash, randomUUID } from 'node:crypto'
import type { EventStore } from '../../services/ports/event-store.ts'

type Members = Readonly<Record<string, unknown>>

export type ListedServer = {
  readonly name: string
  readonly version: string
  /** Members of server.json besides name and version. */
  readonly server: Members
  readonly tenantId?: string
  readonly isLatest?: boolean
}

/** Records that the source `test` lists these. */
export async function listServers(
  store: EventStore,
  ...servers: readonly ListedServer[]
): Promise<bigint> {
  let position = 0n
  for (const { name, version, server, tenantId = 'acme', isLatest = true } of servers) {
    const entry = {
      server: { name, version, description: 'A test server', ...server },
      _meta: {
        'io.modelcontextprotocol.registry/official': {
          status: 'active',
          isLatest,
          publishedAt: '2026-01-02T03:04:05Z',
          updatedAt: '2026-01-02T03:04:05Z',
        },
      },
    }
    const contentHash = createHash('sha256').update(JSON.stringify(entry)).digest('hex')
    const data = { sourceId: 'test', runId: randomUUID(), name, version, contentHash, entry }
    const appended = await store.append(
      `entry-${tenantId}.test.${name}@${version}`,
      [{ id: randomUUID(), type: 'CatalogueEntryAdded', data: { ...data, problems: [] } }],
      'any',
      { tenantId, actorId: 'test', correlationId: 'test', causationId: 'test' },
    )
    position = appended.position
  }
  return position
}

/** server.json of an npm package that is started over stdio. */
export function npmServer(
  identifier: string,
  version: string,
  members: Members = {},
): ListedServer['server'] {
  const transport = { type: 'stdio' }
  return { packages: [{ registryType: 'npm', identifier, version, transport, ...members }] }
}
