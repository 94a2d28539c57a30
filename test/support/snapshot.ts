/** A registry's snapshot of one server that an npm package is listed for. */
export function snapshotOf(name: string, version: string) {
  const at = '2026-01-01T00:00:00Z'
  const status = { status: 'active', publishedAt: at, updatedAt: at, isLatest: true }
  const identifier = name.slice(name.lastIndexOf('/') + 1)
  return {
    servers: [
      {
        server: {
          $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
          name,
          description: 'A server for the end-to-end test',
          version,
          packages: [{ registryType: 'npm', identifier, version, transport: { type: 'stdio' } }],
        },
        _meta: { 'io.modelcontextprotocol.registry/official': status },
      },
    ],
    metadata: { count: 1 },
  }
}
