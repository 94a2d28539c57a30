import { randomUUID } from 'node:crypto'
import { Pool } from 'undici'
import { startTidemark } from '../../test/support/program.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import { type Receiver, startReceiver } from '../../test/support/webhook-receiver.ts'
import { type Measurement, measurement, ratePerSecond, secondsOf } from './measure.ts'
import { type Stage, usageEvent } from './stage.ts'

const MESSAGES = 5_000
const GROUP = 100
/** As many as one webhook is called at once. */
const CALLS_AT_ONCE = 8
const WITHIN_MS = 300_000

/**
 * Messages a second to one receiver on this machine, of events that the whole program finds
 * in its log. The limit is posting the same bodies to it, as many at once, and nothing else.
 */
export async function benchWebhooks(stage: Stage): Promise<Measurement> {
  const ending: (() => Promise<unknown>)[] = []
  const scope = { teardown: (stop: () => Promise<void>) => void ending.unshift(stop) }
  try {
    const receiver = await startReceiver(scope)
    const { url, store } = await stage.database()
    const tidemark = await startTidemark(scope, {
      ...{ databaseUrl: url, natsUrl: await stage.bus() },
      environment: { LOG_LEVEL: 'warn', ALLOW_PRIVATE_WEBHOOKS: '1' },
    })
    const body = { url: receiver.url, types: ['UsageTracked'] }
    await tidemark.json('/v1/webhooks', { body })
    const context = {
      ...{ tenantId: 'default', actorId: 'bench' },
      ...{ correlationId: 'bench', causationId: 'bench' },
    }
    const seconds = await secondsOf(async () => {
      for (let from = 0; from < MESSAGES; from += GROUP) {
        const events = Array.from({ length: GROUP }, (_, at) => usageEvent(randomUUID(), from + at))
        await store.append(`usage-default.${randomUUID()}`, events, 'no-stream', context)
      }
      const hasAll = () => new Set(receiver.taken).size >= MESSAGES
      await waitFor('every message', hasAll, WITHIN_MS)
    })
    await tidemark.stop()
    return measurement('webhooks.deliver', MESSAGES / seconds, 'messages/s', await bare(receiver))
  } finally {
    for (const end of ending) await end()
  }
}

/** Posts what the receiver got to it once more. */
async function bare({ url, messages }: Receiver): Promise<number> {
  const { origin, pathname } = new URL(url)
  const bodies = messages.slice(0, MESSAGES).map(({ body }) => body)
  const pool = new Pool(origin, { connections: CALLS_AT_ONCE })
  try {
    return await ratePerSecond(CALLS_AT_ONCE, bodies.length, async (_, index) => {
      const headers = { 'content-type': 'application/json' }
      const request = { path: pathname, method: 'POST' as const, headers }
      await (await pool.request({ ...request, body: bodies[index] ?? '' })).body.dump()
    })
  } finally {
    await pool.destroy()
  }
}
