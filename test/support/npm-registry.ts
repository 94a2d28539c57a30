import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findNpm, type NpmProgram } from '../../infra/npm/npm-program.ts'
import { tarball } from './tarball.ts'

export type FakePackage = {
  readonly name: string
  readonly version: string
  /** Members of package.json besides name and version. */
  readonly manifest: Readonly<Record<string, unknown>>
  /** Members that only the archive's package.json has. */
  readonly hiddenManifest?: Readonly<Record<string, unknown>>
  readonly files: Readonly<Record<string, string>>
  /** Announced instead of the right one; empty = none. */
  readonly integrity?: string
  readonly serve?: 'torn' | 'huge-document' | 'garbage-document'
}

export type NpmRegistry = {
  readonly url: string
  /** npm, configured for this registry and with a cache of its own. */
  readonly npm: NpmProgram
  /** Paths that were asked for. */
  readonly requests: readonly string[]
}

const HUGE_BYTES = 200 * 1024 * 1024

/** An npm registry on loopback that has exactly these packages. */
export async function startNpmRegistry(
  t: { readonly teardown: (stop: () => Promise<void>) => void },
  packages: readonly FakePackage[],
): Promise<NpmRegistry> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    const asked = decodeURIComponent(request.url ?? '')
    requests.push(asked)
    answer(packages, asked, request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const home = mkdtempSync(path.join(tmpdir(), 'tidemark-npm-'))
  t.teardown(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    rmSync(home, { recursive: true, force: true })
  })
  return { url, npm: npmFor(url, home), requests }
}

/** npm that knows this registry and nothing of the machine's own configuration. */
export function npmFor(registry: string, home: string): NpmProgram {
  return findNpm({
    PATH: process.env.PATH,
    HOME: home,
    npm_config_registry: registry,
    npm_config_cache: path.join(home, 'cache'),
    npm_config_userconfig: path.join(home, 'npmrc'),
    npm_config_globalconfig: path.join(home, 'global-npmrc'),
  })
}

function answer(
  packages: readonly FakePackage[],
  asked: string,
  { headers }: IncomingMessage,
  response: ServerResponse,
): void {
  const [name = '', file] = asked.slice(1).split('/-/')
  const versions = packages.filter((one) => one.name === name)
  const [first] = versions
  if (first === undefined) notFound(response)
  else if (file !== undefined) {
    const one = versions.find(({ version }) => file === `${version}.tgz`)
    if (one === undefined) notFound(response)
    else sendArchive(one, response)
  } else if (first.serve === 'garbage-document') response.end('<html>not JSON')
  else if (first.serve === 'huge-document') sendHuge(response)
  else {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(packument(versions, `http://${headers.host}`)))
  }
}

function notFound(response: ServerResponse): void {
  response.writeHead(404).end('{}')
}

function sendArchive(one: FakePackage, response: ServerResponse): void {
  const bytes = archive(one)
  if (one.serve === 'torn') {
    response.setHeader('content-length', bytes.length)
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy())
  } else response.end(bytes)
}

/** As long as it is read. */
function sendHuge(response: ServerResponse): void {
  const block = Buffer.alloc(1024 * 1024, ' ')
  let sent = 0
  const go = () => {
    while (sent < HUGE_BYTES && !response.destroyed) {
      sent += block.length
      if (response.write(block)) continue
      response.once('drain', go)
      return
    }
    response.end('{}')
  }
  go()
}

function archive({ name, version, manifest, hiddenManifest, files }: FakePackage): Buffer {
  const packageJson = { name, version, ...manifest, ...hiddenManifest }
  return tarball({ 'package.json': JSON.stringify(packageJson), ...files })
}

function packument(versions: readonly FakePackage[], base: string): object {
  const latest = versions.at(-1)
  return {
    name: latest?.name,
    'dist-tags': { latest: latest?.version },
    versions: Object.fromEntries(versions.map((one) => [one.version, described(one, base)])),
  }
}

function described(one: FakePackage, base: string): object {
  const { name, version, manifest } = one
  const integrity =
    one.integrity ?? `sha512-${createHash('sha512').update(archive(one)).digest('base64')}`
  const dist = {
    tarball: `${base}/${name}/-/${version}.tgz`,
    ...(integrity === '' ? {} : { integrity }),
  }
  return { name, version, ...manifest, dist }
}
