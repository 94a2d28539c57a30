import { randomUUID } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { performance } from 'node:perf_hooks'
import { Client } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import { Pool } from 'undici'
import { mcpPackage } from '../../test/support/mcp-package.ts'
import { startNpmRegistry } from '../../test/support/npm-registry.ts'
import { startTidemark, type TidemarkProcess } from '../../test/support/program.ts'
import { upstreamEntry } from '../../test/support/upstream.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import { type Measurement, measurement, quantile, ratePerSecond } from './measure.ts'
import type { Stage } from './stage.ts'

const CONNECTIONS = 32
const CALLS = 20_000
const SINGLE_CALLS = 2_000
const WARM_UP = 2_000
const REVISION = '2026-07-28'

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

async function installTiny(
  scope: { readonly teardown: (stop: () => Promise<void>) => void },
  stage: Stage,
): Promise<{ tidemark: TidemarkProcess; installationId: string }> {
  const npm = await startNpmRegistry(scope, [mcpPackage('1.0.0')])
  const { url } = await stage.database()
  const snapshot = path.join(stage.directory, 'tiny.json')
  const entry = upstreamEntry('bench/tiny', '1.0.0', {
    server: { packages: [{ ...PACKAGE, identifier: 'tiny-server', version: '1.0.0' }] },
  })
  writeFileSync(snapshot, JSON.stringify([entry]))
  const tidemark = await startTidemark(scope, {
    databaseUrl: url,
    natsUrl: stage.natsUrl,
    environment: {
      npm_config_registry: npm.url,
      REGISTRY_FILE_ROOTS: stage.directory,
      LOG_LEVEL: 'warn',
    },
  })
  await tidemark.json('/v1/registry/sources', {
    body: { sourceId: 'bench', name: 'bench', kind: 'file', location: snapshot },
  })
  const { installationId, position } = await waitFor(
    'the server to be listed',
    async () => {
      const body = { server: 'bench/tiny' }
      const answer = await tidemark.request('/v1/installations', { body })
      return answer.ok && ((await answer.json()) as Accepted)
    },
    60_000,
  )
  await waitFor(
    'the server to be installed',
    async () => {
      const { status } = await tidemark.json<{ status: string }>(
        `/v1/installations/${installationId}?atLeast=${position}`,
      )
      if (status === 'failed') throw new Error('The server of the benchmark cannot be installed.')
      return status === 'installed'
    },
    60_000,
  )
  return { tidemark, installationId }
}

type Accepted = { readonly installationId: string; readonly position: string }

const PACKAGE = { registryType: 'npm', transport: { type: 'stdio' } }

function callThrough(pool: Pool, address: string, key: string) {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': REVISION,
    'mcp-method': 'tools/call',
    'mcp-name': 'echo',
  }
  const params = {
    name: 'echo',
    arguments: { text: 'hello' },
    _meta: {
      'io.modelcontextprotocol/protocolVersion': REVISION,
      'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
      'io.modelcontextprotocol/clientCapabilities': {},
    },
  }
  let id = 0
  return async () => {
    const body = JSON.stringify({ jsonrpc: '2.0', id: ++id, method: 'tools/call', params })
    const answer = await pool.request({ path: address, method: 'POST', headers, body })
    const text = await answer.body.text()
    if (answer.statusCode !== 200 || !text.includes('hello')) throw new Error(text.slice(0, 300))
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
