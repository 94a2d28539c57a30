import { mkdtempSync } from 'node:fs'
import path from 'node:path'
import type pg from 'pg'
import { createNatsMessageBus } from '../../infra/nats/message-bus.ts'
import { createReadFreshness } from '../../infra/projector/read-freshness.ts'
import { silent } from '../../services/ports/logger.ts'
import {
  exitOf,
  launch,
  startTidemark,
  type TidemarkOptions,
  type TidemarkProcess,
} from '../../test/support/program.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import { type Measurement, measurement, secondsOf } from './measure.ts'
import { bareNodeMemory, memoryOf } from './processes.ts'
import { fillRealistically } from './realistic-log.ts'
import { barePages } from './replay.ts'
import type { Stage } from './stage.ts'

const EVENTS = 1_000_000
const DONE_WITHIN_MS = 900_000
const RESTING_ROLES = ['api', 'gateway', 'reactors', 'jobs'] as const

type Scope = { readonly teardown: (stop: () => Promise<void>) => void }

/**
 * The program beside a log of a million events, one role at a time as a process of its own: the
 * projector builds every read model, the relay fills an empty bus, the others only start. The limit of
 * a rebuild is reading the same log bare, that of a start is a start on an empty log, that of
 * a process's memory is a Node process that does nothing.
 */
export async function benchMillion(stage: Stage): Promise<readonly Measurement[]> {
  const ending: (() => Promise<unknown>)[] = []
  const scope: Scope = { teardown: (stop) => void ending.unshift(stop) }
  try {
    const natsUrl = await stage.bus()
    const emptyUrl = (await stage.database()).url
    const empty = optionsFor(emptyUrl, newDirectory(stage), natsUrl)
    await startsIn(scope, empty)
    const startEmpty = await startsIn(scope, empty)
    const { url, pool, store } = await stage.database()
    const directory = newDirectory(stage)
    const options = (busUrl: string, roles?: string) => optionsFor(url, directory, busUrl, roles)
    // Makes the tenant and the key.
    await (await startTidemark(scope, options(natsUrl))).stop()
    await fillRealistically(store, EVENTS)
    await pool.query('analyze log.events')
    const bareRead = await secondsOf(() => barePages(pool))
    const bareMemory = await bareNodeMemory()
    const head = await store.head()
    const memory: Measurement[] = []
    const inMemory = (role: string, peak: number) =>
      memory.push(measurement(`memory.${role}`, peak, 'MB', bareMemory))
    const rebuild = await secondsOf(async () => {
      const done = () => untilProjected(pool, head)
      inMemory('projector', await peakWhile(scope, options(natsUrl, 'projector'), done))
    })
    const busUrl = await stage.bus()
    const relay = await secondsOf(async () => {
      const done = () => untilPublished(busUrl, head)
      inMemory('relay', await peakWhile(scope, options(busUrl, 'relay'), done))
    })
    for (const role of RESTING_ROLES) {
      const resting = await startTidemark(scope, options(busUrl, role))
      inMemory(role, memoryOf(resting.pid).peak)
      await resting.stop()
    }
    return [
      measurement('rebuild.1m', rebuild, 's', bareRead),
      measurement('relay.1m', relay, 's', bareRead),
      measurement('start.1m', await startsIn(scope, options(busUrl)), 's', startEmpty),
      ...memory,
    ]
  } finally {
    for (const end of ending) await end()
  }
}

/** For each database its own: the key that the first start makes is in it. */
function newDirectory({ directory }: Stage): string {
  return mkdtempSync(path.join(directory, 'data-'))
}

function optionsFor(
  databaseUrl: string,
  dataDirectory: string,
  natsUrl: string,
  roles?: string,
): TidemarkOptions & { readonly dataDirectory: string } {
  const environment = {
    LOG_LEVEL: 'warn',
    ...(roles === undefined ? {} : { TIDEMARK_ROLES: roles }),
  }
  return { databaseUrl, natsUrl, dataDirectory, environment }
}

/** Seconds from the start of the whole program until it is ready; not the first start, which makes the tenant and the key. */
async function startsIn(scope: Scope, options: TidemarkOptions): Promise<number> {
  let running: TidemarkProcess | undefined
  const seconds = await secondsOf(async () => {
    running = await startTidemark(scope, options)
  })
  await running?.stop()
  return seconds
}

/** @returns the most memory that a process of these roles had in MB until it was done, started without waiting for it to be ready. */
async function peakWhile(
  scope: Scope,
  options: TidemarkOptions & { readonly dataDirectory: string },
  done: () => Promise<void>,
): Promise<number> {
  const child = launch(scope, options.dataDirectory, options)
  const exited = exitOf(child).then(() => Promise.reject(new Error('The process ended.')))
  await Promise.race([done(), exited])
  const { peak } = memoryOf(child.pid ?? 0)
  child.kill('SIGTERM')
  await exited.catch(() => {})
  return peak
}

async function untilProjected(pool: pg.Pool, head: bigint): Promise<void> {
  await using freshness = createReadFreshness({ pool })
  if (!(await freshness.waitFor(head, DONE_WITHIN_MS)))
    throw new Error('The read models do not catch up.')
}

async function untilPublished(url: string, head: bigint): Promise<void> {
  const bus = createNatsMessageBus({ url, logger: silent })
  try {
    const arrived = async () => (await bus.lastPosition()) >= head
    await waitFor('the relay to publish the log', arrived, DONE_WITHIN_MS)
  } finally {
    await bus[Symbol.asyncDispose]()
  }
}
