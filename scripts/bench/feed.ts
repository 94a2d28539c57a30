import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import {
  newDataDirectory,
  startTidemark,
  type TidemarkOptions,
} from '../../test/support/program.ts'
import { type Child, startChild } from './child.ts'
import { type Measurement, measurement, quantile } from './measure.ts'
import { memoryOf } from './processes.ts'
import type { Stage } from './stage.ts'

const CLIENTS = 15_000
const PROCESSES = 3
const BROADCASTS = 5
/** Until garbage of connecting is collected. */
const SETTLE_MS = 10_000

type Scope = { readonly teardown: (stop: () => Promise<void>) => void }
type Served = { readonly address: string; readonly pid: number }
type Feed = {
  readonly servers: readonly Served[]
  readonly path: string
  readonly key: string | undefined
  /** Has an event with this text in it come to every client. */
  readonly broadcast: (text: string) => Promise<unknown>
}
type Outcome = { readonly megabytes: number; readonly p99: number }

/**
 * Idle readers of the feed on several API processes: what they cost in memory, and how long it takes
 * from a command until the last but one in a hundred has its event. The limit is one bare server of streams with
 * as many readers, that only writes the event to all of them.
 */
export async function benchFeed(stage: Stage): Promise<readonly Measurement[]> {
  const ending: (() => Promise<unknown>)[] = []
  const scope = { teardown: (stop: () => Promise<void>) => void ending.unshift(stop) }
  try {
    const bare = await bareFeed(scope)
    const limit = await measureFeed(bare)
    const value = await measureFeed(await tidemarkFeed(scope, stage))
    return [
      measurement('sse.clients', value.megabytes, 'MB', limit.megabytes),
      measurement('sse.broadcast.p99', value.p99, 'ms', limit.p99),
    ]
  } finally {
    for (const end of ending) await end()
  }
}

async function bareFeed(scope: Scope): Promise<Feed> {
  const servers = await Promise.all(
    Array.from({ length: PROCESSES }, () =>
      startChild(import.meta.resolve('./bare-server.ts'), []),
    ),
  )
  for (const server of servers) scope.teardown(() => server.stop())
  const broadcast = (text: string) =>
    Promise.all(servers.map(({ address }) => post(`${address}/broadcast`, { text })))
  return { servers, path: '/feed', key: undefined, broadcast }
}

async function tidemarkFeed(scope: Scope, stage: Stage): Promise<Feed> {
  const { url } = await stage.database()
  const options: TidemarkOptions = {
    ...{ databaseUrl: url, natsUrl: await stage.bus(), dataDirectory: newDataDirectory(scope) },
  }
  const environment = { LOG_LEVEL: 'warn', FEED_CLIENTS_PER_KEY: String(CLIENTS) }
  const rest = await startTidemark(scope, { ...options, environment })
  const servers: Served[] = []
  for (let index = 0; index < PROCESSES; index++)
    servers.push(
      await startTidemark(scope, {
        ...options,
        environment: { ...environment, TIDEMARK_ROLES: 'api', FEED_CLIENTS_PER_KEY: '10000' },
      }),
    )
  const broadcast = (text: string) =>
    rest.json('/v1/analytics/track', {
      body: { serviceId: 'io.example/bench', tool: text, ...USE },
    })
  return { servers, path: '/v1/events/stream', key: rest.key, broadcast }
}

const USE = { durationMs: 1, outcome: 'ok' }

async function measureFeed({ servers, path, key, broadcast }: Feed): Promise<Outcome> {
  const memory = () => servers.reduce((sum, { pid }) => sum + memoryOf(pid).now, 0)
  const before = memory()
  const clients = await Promise.all(
    servers.map(({ address }) => {
      const args = [address, path, String(CLIENTS / servers.length)]
      return startChild(
        import.meta.resolve('./feed-clients.ts'),
        args,
        key === undefined ? {} : { KEY: key },
      )
    }),
  )
  await delay(SETTLE_MS)
  const megabytes = memory() - before
  const took: number[] = []
  for (let index = 0; index < BROADCASTS; index++) took.push(...(await timed(clients, broadcast)))
  for (const client of clients) await client.stop()
  return { megabytes, p99: quantile(took, 0.99) }
}

/** Milliseconds until each client has the event. */
async function timed(
  clients: readonly Child[],
  broadcast: (text: string) => Promise<unknown>,
): Promise<number[]> {
  const text = randomUUID()
  await Promise.all(clients.map((client) => client.ask(text)))
  const sentAt = performance.timeOrigin + performance.now()
  await broadcast(text)
  const answers = await Promise.all(clients.map((client) => client.line()))
  return answers.flatMap((answer) => (JSON.parse(answer) as number[]).map((at) => at - sentAt))
}

async function post(url: string, body: unknown): Promise<void> {
  const answer = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(text)
}
