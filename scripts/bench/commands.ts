import { Pool } from 'undici'
import { startTidemark } from '../../test/support/program.ts'
import { startChild } from './child.ts'
import { latenciesAt, type Measurement, measurement, quantile } from './measure.ts'
import type { Stage } from './stage.ts'

const CONNECTIONS = 64
const P99_MS = 100
const FIRST_RATE = 200
const GROWTH = 1.15
/** Commands that nobody measures. */
const COLD = 1_000
const STEP_MS = 4_000
const WARM_UP_MS = 1_000
/** One bad step may be the machine's doing. */
const TRIES = 2

const SUCCESS = [201, 202]

/** Answers when the key works, that is when a read model shows it. */
const ISSUE_KEY = { path: '/v1/keys', body: { name: 'bench', scopes: ['catalogue:read'] } }
/** Answers when the log has it. */
const TRACK = {
  path: '/v1/analytics/track',
  body: { serviceId: 'io.test/bench', tool: 'tool', durationMs: 1, outcome: 'ok' },
}

/**
 * The most commands a second over HTTP of which 99 in 100 are answered within 100 ms: the whole
 * program, its database, its bus and the load on this machine. The limit is the same for a
 * bare server that inserts a row for each request.
 */
export async function benchCommands(stage: Stage): Promise<readonly Measurement[]> {
  const ending: (() => Promise<unknown>)[] = []
  const scope = { teardown: (stop: () => Promise<void>) => void ending.unshift(stop) }
  try {
    const { url, pool } = await stage.database()
    await pool.query(
      'create table public.bare_commands (id bigint generated always as identity, body text)',
    )
    const tidemark = await startTidemark(scope, {
      ...{ databaseUrl: url, natsUrl: await stage.bus() },
      environment: { LOG_LEVEL: 'warn' },
    })
    const headers = { authorization: `Bearer ${tidemark.key}` }
    const issued = await highestRate(tidemark.address, ISSUE_KEY, headers)
    const tracked = await highestRate(tidemark.address, TRACK, headers)
    await tidemark.stop()
    // Last: its hundreds of thousands of rows keep the database's disk busy for a while.
    const bare = await startChild(import.meta.resolve('./bare-server.ts'), [url])
    const limit = await highestRate(bare.address, { ...ISSUE_KEY, path: '/rows' }, {})
    await bare.stop()
    return [
      measurement('commands.max', issued, 'commands/s', limit),
      measurement('commands.max.track', tracked, 'commands/s', limit),
    ]
  } finally {
    for (const end of ending) await end()
  }
}

/** A refused one counts as never answered. */
type Request = () => Promise<'done' | 'failed'>

async function highestRate(
  address: string,
  command: typeof ISSUE_KEY | typeof TRACK,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  const pool = new Pool(address, { connections: CONNECTIONS, pipelining: 1 })
  const request = {
    ...{ path: command.path, method: 'POST' as const, body: JSON.stringify(command.body) },
    headers: { 'content-type': 'application/json', ...headers },
  }
  const send: Request = async () => {
    const answer = await pool.request(request)
    await answer.body.dump()
    return SUCCESS.includes(answer.statusCode) ? 'done' : 'failed'
  }
  try {
    // Until it is compiled, the code that answers is many times slower.
    await latenciesAt(FIRST_RATE, COLD, COLD, send)
    let highest = 0
    for (let rate = FIRST_RATE; await isHeld(rate, send); rate *= GROWTH) highest = rate
    return highest
  } finally {
    await pool.destroy()
  }
}

async function isHeld(rate: number, send: Request): Promise<boolean> {
  const total = Math.ceil((rate * STEP_MS) / 1_000)
  const warmUp = Math.ceil((rate * WARM_UP_MS) / 1_000)
  for (let attempt = 0; attempt < TRIES; attempt++)
    if (quantile(await latenciesAt(rate, total, warmUp, send), 0.99) <= P99_MS) return true
  return false
}
