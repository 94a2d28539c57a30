import { randomBytes, randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import type { Configuration, Runtime } from '../../domain/installer/events.ts'
import { streamName } from '../../domain/kernel/ids.ts'
import { createMcpConnector } from '../../infra/mcp/connector.ts'
import {
  createEndedSessions,
  type EndedSessionsTables,
} from '../../infra/postgres/ended-sessions.ts'
import { createReadDatabase } from '../../infra/postgres/pool.ts'
import {
  type ServerProcessesTables,
  serverProcesses,
} from '../../projections/gateway/server-processes.ts'
import { createUsageRecorder, type UsageRecorder } from '../../services/gateway/call-log.ts'
import { tellingAppends } from '../../services/gateway/installed-servers.ts'
import { gatewayRoutes } from '../../services/gateway/routes.ts'
import {
  createServerProcesses,
  type ServerProcesses,
} from '../../services/gateway/server-processes.ts'
import type { SupervisionSettings } from '../../services/gateway/supervision.ts'
import type { EventStore, RecordedEvent } from '../../services/ports/event-store.ts'
import { silent } from '../../services/ports/logger.ts'
import { noMetrics } from '../../services/ports/metrics.ts'
import type { Sandbox } from '../../services/ports/sandbox.ts'
import { testApp } from './app.ts'
import { FAKE_RUNTIME, openSandbox } from './mcp-sandbox.ts'
import { freshPostgresStore } from './postgres-store.ts'
import { runProjector } from './projected.ts'

type Test = { readonly teardown: (close: () => Promise<void>) => void }

const NO_CONFIGURATION: Configuration = {
  environment: {},
  arguments: [],
  secretNames: [],
  network: 'none',
}

export type GatewayOptions = {
  readonly settings?: Partial<SupervisionSettings>
  readonly sandbox?: Sandbox
  readonly callTimeoutMs?: number
  readonly now?: () => Date
  /** Whether the read models follow the log. */
  readonly projected?: boolean
  /** Values of secrets, whoever owns them. */
  readonly secrets?: Readonly<Record<string, string>>
}

export type TestGateway = {
  readonly store: EventStore
  readonly processes: ServerProcesses
  readonly usage: UsageRecorder
  readonly url: string
  /** Records an installation of the fake server. @returns its id. */
  readonly install: (given?: Install) => Promise<string>
  /** Appends to the installation's own stream. */
  readonly append: (
    installationId: string,
    event: { readonly type: string; readonly data: Record<string, unknown> },
    tenantId?: string,
  ) => Promise<void>
  /** A new key of an actor of this tenant. */
  readonly key: (tenantId?: string, actorId?: string) => string
  /** All events of the type, in order. */
  readonly events: (type: string) => Promise<RecordedEvent[]>
}

export type Install = Partial<Configuration> & {
  readonly tenantId?: string
  readonly runtime?: Runtime
}

/** The gateway on a real socket, a real log and real processes. */
export async function testGateway(t: Test, options: GatewayOptions = {}): Promise<TestGateway> {
  const { now = () => new Date(), secrets = {} } = options
  const { store, pool } = await freshPostgresStore(t)
  if (options.projected === true) runProjector(t, { store, pool, readModels: [serverProcesses] })
  const connector = createMcpConnector({
    sandbox: options.sandbox ?? openSandbox(t),
    secrets: { reveal: async () => secrets },
    artifacts: { verifyTree: async () => true },
    fetch,
    clientInfo: { name: 'tidemark', version: '0.0.0' },
    stdio: { graceMs: 200 },
  })
  const shared = { store, now, logger: silent, metrics: noMetrics }
  const processes = createServerProcesses({
    ...shared,
    connector,
    settings: { sweepMs: 20, ...options.settings },
  })
  const usage = createUsageRecorder({ ...shared, flushMs: 5 })
  const told = tellingAppends(store, (stream) => processes.changed(stream))
  const following = new AbortController()
  const db = createReadDatabase<ServerProcessesTables>(pool)
  const routes = gatewayRoutes({
    ...shared,
    db,
    processes,
    usage,
    sessions: {
      key: randomBytes(32),
      ended: createEndedSessions(createReadDatabase<EndedSessionsTables>(pool), now),
    },
    ...(options.callTimeoutMs === undefined ? {} : { callTimeoutMs: options.callTimeoutMs }),
  })
  const { app, keyOf } = await testApp(t, routes)
  const followed = processes.follow(following.signal)
  t.teardown(async () => {
    following.abort()
    await followed
    await processes[Symbol.asyncDispose]()
    await usage[Symbol.asyncDispose]()
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo

  async function append(
    installationId: string,
    { type, data }: { readonly type: string; readonly data: Record<string, unknown> },
    tenantId = 'acme',
  ): Promise<void> {
    await told.append(
      streamName('installation', tenantId, installationId),
      [{ id: randomUUID(), type, data: { installationId, ...data } }],
      'any',
      { tenantId, actorId: 'tester', correlationId: 'test', causationId: 'test' },
    )
  }

  return {
    store,
    processes,
    usage,
    append,
    url: `http://127.0.0.1:${port}`,
    key: (tenantId = 'acme', actorId = 'tester') => keyOf({ tenantId, actorId }),
    async install({ tenantId = 'acme', runtime = FAKE_RUNTIME, ...given } = {}) {
      const installationId = randomUUID()
      for (const event of installed({ ...NO_CONFIGURATION, ...given }, runtime))
        await append(installationId, event, tenantId)
      return installationId
    },
    async events(type) {
      const found: RecordedEvent[] = []
      for await (const event of store.readAll({ types: [type] })) found.push(event)
      return found
    },
  }
}

const instant = '2026-01-02T03:04:05.000Z'

function installed(configuration: Configuration, runtime: Runtime) {
  const attemptId = randomUUID()
  const version = '1.0.0'
  const target = runtime.kind === 'remote' ? runtime : { kind: 'npm', identifier: 'fake', version }
  return [
    {
      type: 'InstallationRequested',
      data: {
        attemptId,
        sourceId: 'test',
        serverName: 'io.example/fake',
        version,
        target,
        configuration,
        requestedAt: instant,
      },
    },
    {
      type: 'ServerInstalled',
      data: { attemptId, version, runtime, tools: ['echo'], installedAt: instant },
    },
  ]
}

export type Era = 'legacy' | '2026-07-28'

/** The SDK's own client, connected through the gateway. */
export async function connectedClient(
  t: Test,
  gateway: Pick<TestGateway, 'url'>,
  installationId: string,
  key: string,
  era: Era = 'legacy',
): Promise<Client> {
  const client = new Client(
    { name: 'test', version: '1.0.0' },
    { versionNegotiation: { mode: era === 'legacy' ? 'legacy' : { pin: era } } },
  )
  const url = new URL(`/mcp/${installationId}`, gateway.url)
  const transport = new StreamableHTTPClientTransport(url, {
    requestInit: { headers: { authorization: `Bearer ${key}` } },
  })
  await client.connect(transport)
  t.teardown(() => client.close())
  return client
}

/** What a tool of the fake server says. */
export async function callTool(
  client: Client,
  name: string,
  args: Record<string, unknown> = {},
): Promise<string> {
  const { content } = await client.callTool({ name, arguments: args })
  const [first] = content
  return first?.type === 'text' ? first.text : JSON.stringify(content)
}
