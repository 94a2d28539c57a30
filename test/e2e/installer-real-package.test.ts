import { randomUUID } from 'node:crypto'
import t from 'tap'
import { findNpm } from '../../infra/npm/npm-program.ts'
import { InstallFault } from '../../services/ports/package-installer.ts'
import { dataDirectory, installerParts } from '../support/installer-world.ts'
import { freshPostgresStore } from '../support/postgres-store.ts'

// The official reference server from the package registry that npm is configured with.

const identifier = '@modelcontextprotocol/server-everything'
const dataDir = dataDirectory(t)
const { store, appUrl } = await freshPostgresStore(t)
const parts = await installerParts({ store, appUrl, dataDir, npm: findNpm() })
t.teardown(() => parts.pool.end())
const { signal } = new AbortController()
const skip = parts.sandbox.status.available ? false : 'bubblewrap does not work on this machine'

t.test(
  'a real server is installed, verified and lists its tools',
  { skip, timeout: 110_000 },
  async (t) => {
    const attempt = { tenantId: 'acme', installationId: randomUUID(), attemptId: randomUUID() }
    const target = { kind: 'npm', identifier, version: '2026.8.31' } as const
    try {
      const { packages } = await parts.packages.resolve(attempt, target, signal)
      t.ok(packages > 50, `${packages} packages, each with its SHA-512`)
    } catch (error) {
      if (!(error instanceof InstallFault && error.transient)) throw error
      return void t.pass('installed', { skip: 'the package registry cannot be reached' })
    }
    const runtime = await parts.packages.materialise(attempt, target, signal)
    t.ok(await parts.artifacts.verifyTree(runtime))
    const configuration = {
      environment: {},
      arguments: [],
      secretNames: [],
      network: 'none',
    } as const
    const tools = await parts.probe.probe(
      attempt,
      runtime,
      { ...configuration, arguments: [], secretNames: [] },
      signal,
    )
    t.ok(tools.includes('echo'), tools.join(', '))
  },
)
