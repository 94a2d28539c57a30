import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Pool } from 'undici'
import { mcpPackage } from '../../test/support/mcp-package.ts'
import { startNpmRegistry } from '../../test/support/npm-registry.ts'
import { startTidemark, type TidemarkProcess } from '../../test/support/program.ts'
import { upstreamEntry } from '../../test/support/upstream.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import type { Stage } from './stage.ts'

const REVISION = '2026-07-28'

/** The whole program with a very small server of the npm registry that the benchmark itself serves. */
export async function installTiny(
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

/** Calls the server's tool `echo` through the gateway, again and again. @throws when the answer is not the echo. */
export function callThrough(pool: Pool, address: string, key: string) {
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
