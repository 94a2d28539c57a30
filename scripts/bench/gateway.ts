import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { Pool } from 'undici'
import { mcpPackage } from '../../test/support/mcp-package.ts'
import { type Measurement, measurement, quantile, ratePerSecond } from './measure.ts'
import type { Stage } from './stage.ts'
import { callThrough, installTiny } from './tiny-server.ts'

const CONNECTIONS = 32
const CALLS = 20_000
const SINGLE_CALLS = 2_000
const WARM_UP = 2_000

/**
 * `tools/call` through the gateway of the whole program, with authentication and recording, to
 * a small sandboxed stdio server, against the same server asked directly over stdio by the SDK's client.
 */
export async function benchGateway(stage: Stage): Promise<readonly Measurement[]> {
  const ending: (() => Promise<unknown>)[] = []
  const scope = { teardown: (stop: () => Promise<void>) => void ending.unshift(stop) }
  try {
    const { tidemark, installationId } = await installTiny(scope, stage)
    ending.unshift(() => tidemark.stop())
    const pool = new Pool(tidemark.address, { connections: CONNECTIONS, pipelining: 1 })
    ending.unshift(() => pool.close())
    const through = callThrough(pool, `/mcp/${installationId}`, tidemark.key)
    const { call: directly, close } = await direct(stage, mcpPackage('1.0.0').files)
    ending.unshift(close)
    for (const call of [directly, through]) await ratePerSecond(CONNECTIONS, WARM_UP, call)
    const directRate = await ratePerSecond(CONNECTIONS, CALLS, directly)
    const rate = await ratePerSecond(CONNECTIONS, CALLS, through)
    const directP50 = await p50(directly)
    const throughP50 = await p50(through)
    return [
      measurement('gateway.calls', rate, 'calls/s', directRate),
      measurement('gateway.overhead.p50', throughP50 - directP50, 'ms', directP50),
    ]
  } finally {
    for (const end of ending) await end()
  }
}

async function direct(stage: Stage, files: Readonly<Record<string, string>>) {
  const directory = path.join(stage.directory, randomUUID())
  mkdirSync(directory)
  for (const [name, content] of Object.entries(files))
    writeFileSync(path.join(directory, name), content)
  const client = new Client({ name: 'bench', version: '1.0.0' })
  const args = [path.join(directory, 'server.js')]
  await client.connect(new StdioClientTransport({ command: process.execPath, args }))
  return {
    call: async () => {
      await client.callTool({ name: 'echo', arguments: { text: 'hello' } })
    },
    close: () => client.close(),
  }
}

async function p50(call: () => Promise<unknown>): Promise<number> {
  const took: number[] = []
  for (let index = 0; index < SINGLE_CALLS; index++) {
    const start = performance.now()
    await call()
    took.push(performance.now() - start)
  }
  return quantile(took, 0.5)
}
