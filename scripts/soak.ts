/**
 * `make soak`: the whole program under a steady mixed load for ten minutes (or `minutes=3 make soak`), its memory
 * sampled all the while. Writes the samples and their plot to `docs/performance/`; fails when memory grows.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Pool } from 'undici'
import { memoryOf } from './bench/processes.ts'
import { openStage } from './bench/stage.ts'
import { callThrough, installTiny } from './bench/tiny-server.ts'
import { growth, type Sample, summary } from './soak/growth.ts'
import { keepUp, type Work } from './soak/load.ts'
import { plot } from './soak/plot.ts'

const SAMPLE_MS = 2_000
const MINUTE_MS = 60_000
/** Caches fill and code is optimised in the first part. */
const WARM_UP_SHARE = 0.2
/** More than this in an hour is a leak. */
const MAX_GROWTH_MB_PER_HOUR = 30

const minutes = Number(process.env.minutes ?? 10)
const directory = path.resolve(import.meta.dirname, '../docs/performance')
const stage = await openStage()
const ending: (() => Promise<unknown>)[] = []
try {
  const scope = { teardown: (stop: () => Promise<void>) => void ending.unshift(stop) }
  const { tidemark, installationId } = await installTiny(scope, stage)
  const pool = new Pool(tidemark.address, { connections: 32 })
  ending.unshift(() => tidemark.stop())
  ending.unshift(() => pool.destroy())

  const command = { name: 'soak', scopes: ['catalogue:read'] }
  const works: readonly Work[] = [
    {
      name: 'calls',
      perSecond: 200,
      once: callThrough(pool, `/mcp/${installationId}`, tidemark.key),
    },
    { name: 'commands', perSecond: 20, once: () => tidemark.json('/v1/keys', { body: command }) },
    { name: 'searches', perSecond: 20, once: () => tidemark.json('/v1/services/search?q=tiny') },
    { name: 'statistics', perSecond: 5, once: () => tidemark.json('/v1/analytics/summary') },
    { name: 'audits', perSecond: 5, once: () => tidemark.json('/v1/events?limit=100') },
    { name: 'streams', perSecond: 2, once: () => readStream(tidemark.address, tidemark.key) },
  ]
  const stop = new AbortController()
  const load = keepUp(works, stop.signal)
  const samples = await sample(tidemark.pid, minutes * MINUTE_MS)
  stop.abort()
  const counts = await load

  const settled = samples.slice(Math.floor(samples.length * WARM_UP_SHARE))
  const perHour = growth(settled)
  mkdirSync(directory, { recursive: true })
  writeFileSync(
    path.join(directory, 'soak.json'),
    `${JSON.stringify({ minutes, counts, samples })}\n`,
  )
  writeFileSync(path.join(directory, 'soak.svg'), await plot(samples))
  process.stdout.write(`${summary(settled, perHour, counts)}\n`)
  if (perHour > MAX_GROWTH_MB_PER_HOUR) process.exitCode = 1
} finally {
  for (const end of ending) await end()
  await stage.close()
}

async function sample(pid: number, forMs: number): Promise<readonly Sample[]> {
  const samples: Sample[] = []
  const start = performance.now()
  for (;;) {
    const elapsed = performance.now() - start
    samples.push({ seconds: Math.round(elapsed / 1_000), megabytes: Math.round(memoryOf(pid).now) })
    if (process.stderr.isTTY) process.stderr.write(`\r${Math.round((100 * elapsed) / forMs)} % `)
    if (elapsed >= forMs) return samples
    await delay(SAMPLE_MS)
  }
}

/** Reads the newest events as a stream, and leaves. */
async function readStream(address: string, key: string): Promise<void> {
  const leave = new AbortController()
  const answer = await fetch(`${address}/v1/events/stream?after=0`, {
    headers: { authorization: `Bearer ${key}` },
    signal: leave.signal,
  })
  if (!answer.ok) throw new Error(await answer.text())
  let bytes = 0
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length
    if (bytes > 20_000) break
  }
  leave.abort()
}
