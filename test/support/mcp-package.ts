import type { FakePackage } from './npm-registry.ts'

// Packages of a very small MCP server without dependencies, and of things that are none.

/** Answers initialize, ping, tools/list and tools/call (`echo`, `env`, `version`). */
function serverScript(version: string): string {
  return `#!/usr/bin/env node
const tools = ['echo', 'env', 'version'].map((name) => ({ name, inputSchema: { type: 'object' } }))
const text = (value) => ({ content: [{ type: 'text', text: String(value) }] })
const call = { echo: (a) => text(a.text), env: (a) => text(process.env[a.name]), version: () => text('${version}') }
const answer = {
  initialize: (p) => ({ protocolVersion: p.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'tiny', version: '${version}' } }),
  ping: () => ({}),
  'tools/list': () => ({ tools }),
  'tools/call': (p) => call[p.name](p.arguments ?? {}),
}
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) return
  const known = answer[method]
  const body = known ? { result: known(params ?? {}) } : { error: { code: -32601, message: 'Method not found' } }
  process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, ...body }) + '\\n')
})
process.stdin.on('end', () => process.exit(0))
`
}

function scriptPackage(name: string, version: string, script: string): FakePackage {
  return { name, version, manifest: { bin: 'server.js' }, files: { 'server.js': script } }
}

export function mcpPackage(version: string, name = 'tiny-server'): FakePackage {
  return scriptPackage(name, version, serverScript(version))
}

/** Its tools answer every call with an error. */
export function failingPackage(version: string, name: string): FakePackage {
  const fails =
    'for (const name of Object.keys(call)) call[name] = () => ({ ...text("broken"), isError: true })'
  return scriptPackage(name, version, serverScript(version) + fails)
}

/** It does not start where the variable has this value. */
export function choosyPackage(
  version: string,
  name: string,
  [variable, value]: readonly [variable: string, value: string],
): FakePackage {
  const test = `if (process.env[${JSON.stringify(variable)}] === ${JSON.stringify(value)}) process.exit(1)\n`
  return scriptPackage(name, version, serverScript(version).replace('\n', `\n${test}`))
}

export const misfits = {
  notAServer: scriptPackage('not-a-server', '1.0.0', 'console.log("hello"); process.exit(0)'),
  flooding: scriptPackage(
    'flooding',
    '1.0.0',
    'const block = Buffer.alloc(1 << 20, 97); const go = () => { while (process.stdout.write(block)); process.stdout.once("drain", go) }; go()',
  ),
  silent: scriptPackage('silent', '1.0.0', 'process.stdin.resume()'),
  withoutBin: {
    name: 'without-bin',
    version: '1.0.0',
    manifest: {},
    files: { 'index.js': 'module.exports = 1' },
  },
  escapingBin: {
    name: 'escaping-bin',
    version: '1.0.0',
    manifest: { bin: '../../package.json' },
    files: { 'index.js': '' },
  },
  gitDependency: {
    ...mcpPackage('1.0.0', 'git-dependency'),
    manifest: { bin: 'server.js', dependencies: { other: 'git+https://localhost/other.git' } },
  },
  urlDependency: {
    ...mcpPackage('1.0.0', 'url-dependency'),
    manifest: { bin: 'server.js', dependencies: { other: 'https://localhost/other.tgz' } },
  },
  fileDependency: {
    ...mcpPackage('1.0.0', 'file-dependency'),
    manifest: { bin: 'server.js', dependencies: { other: 'file:../other' } },
  },
  installScript: {
    ...mcpPackage('1.0.0', 'install-script'),
    manifest: { bin: 'server.js', scripts: { postinstall: 'node -e 0' } },
  },
  /** The registry's description says nothing of the script that is in the archive. */
  hiddenInstallScript: {
    ...mcpPackage('1.0.0', 'hidden-install-script'),
    hiddenManifest: { scripts: { preinstall: 'node -e 0' } },
  },
  badIntegrity: {
    ...mcpPackage('1.0.0', 'bad-integrity'),
    integrity: `sha512-${Buffer.alloc(64, 7).toString('base64')}`,
  },
  withoutIntegrity: { ...mcpPackage('1.0.0', 'without-integrity'), integrity: '' },
  torn: { ...mcpPackage('1.0.0', 'torn'), serve: 'torn' },
  huge: { ...mcpPackage('1.0.0', 'huge'), serve: 'huge-document' },
  garbage: { ...mcpPackage('1.0.0', 'garbage'), serve: 'garbage-document' },
} as const satisfies Readonly<Record<string, FakePackage>>
