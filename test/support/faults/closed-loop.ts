import { randomUUID } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import type { TidemarkProcess } from '../program.ts'

const USE = { serviceId: 'io.test/load', tool: 'tool', durationMs: 1, outcome: 'ok' } as const

export type LoopResult = {
  /** Commands that were recorded, a second. */
  readonly goodput: number
  /** Of those, how long each took, in milliseconds. */
  readonly took: readonly number[]
  /** Refusals with a time to come again; such a client waits a moment. */
  readonly refused: number
  /** Every other answer, and every connection that broke. */
  readonly wrong: readonly string[]
}

/** `clients`, each of which sends its next use as soon as the one before is answered, or at most `perSecond` in all. */
export async function closedLoop(
  { address, key }: TidemarkProcess,
  { clients, ms, perSecond }: { clients: number; ms: number; perSecond?: number },
): Promise<LoopResult> {
  const pool = new Pool(address, { connections: clients })
  const took: number[] = []
  const wrong: string[] = []
  let refused = 0
  const end = performance.now() + ms
  const pauseMs = perSecond === undefined ? 0 : (clients * 1_000) / perSecond

  const client = async () => {
    while (performance.now() < end) {
      const start = performance.now()
      const outcome = await send(pool, key)
      const lasted = performance.now() - start
      if (outcome === 'recorded') took.push(lasted)
      else if (outcome === 'refused') refused += 1
      else wrong.push(outcome)
      await delay(outcome === 'refused' ? REFUSED_PAUSE_MS : Math.max(0, pauseMs - lasted))
    }
  }
  try {
    await Promise.all(Array.from({ length: clients }, client))
    return { goodput: (took.length * 1_000) / ms, took, refused, wrong }
  } finally {
    await pool.destroy()
  }
}

const REFUSED_PAUSE_MS = 100

async function send(pool: Pool, key: string): Promise<string> {
  try {
    const { statusCode, headers, body } = await pool.request({
      ...{ path: '/v1/analytics/track', method: 'POST', body: JSON.stringify(USE) },
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${key}`,
        'idempotency-key': randomUUID(),
      },
    })
    const text = await body.text()
    if (statusCode === 202 || statusCode === 201) return 'recorded'
    return statusCode === 503 && headers['retry-after'] !== undefined ? 'refused' : text
  } catch (error) {
    return String(error)
  }
}
