import { execFileSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import { createArtifactStore } from '../../../infra/artifacts/artifact-store.ts'
import { createNpmInstaller } from '../../../infra/npm/package-installer.ts'
import { mcpPackage } from '../../support/mcp-package.ts'
import { startNpmRegistry } from '../../support/npm-registry.ts'

const { mounted, dataDir } = smallDisk()
const skip = mounted ? false : 'a small disk can only be made by root'

const server = mcpPackage('1.0.0')
const large = {
  ...server,
  name: 'large-server',
  files: { ...server.files, 'data.txt': 'x'.repeat(12 * 1024 * 1024) },
}

t.test('a disk that fills up fails the install and is given back', { skip }, async (t) => {
  const registry = await startNpmRegistry(t, [server, large])
  const installer = createNpmInstaller({ dataDir, npm: registry.npm, minFreeBytes: 1 })
  const artifacts = createArtifactStore({ dataDir })
  const { signal } = new AbortController()
  const npm = (identifier: string) => ({ kind: 'npm', identifier, version: '1.0.0' }) as const
  const attempt = { tenantId: 'acme', installationId: randomUUID(), attemptId: randomUUID() }

  await installer.resolve(attempt, npm('large-server'), signal)
  await t.rejects(installer.materialise(attempt, npm('large-server'), signal), {
    code: 'disk-full',
  })
  const home = path.join(dataDir, 'servers/acme', attempt.installationId)
  t.notOk(existsSync(path.join(home, 'versions')), 'nothing is published')
  await artifacts.discard(attempt)
  t.same(readdirSync(path.join(home, 'staging')), [])

  const next = { ...attempt, attemptId: randomUUID() }
  await installer.resolve(next, npm('tiny-server'), signal)
  t.ok(await artifacts.verifyTree(await installer.materialise(next, npm('tiny-server'), signal)))
})

/** Ten megabytes, in memory. */
function smallDisk(): { readonly mounted: boolean; readonly dataDir: string } {
  const place = mkdtempSync(path.join(tmpdir(), 'tidemark-small-'))
  let mounted = false
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=10m', 'tmpfs', place], { stdio: 'ignore' })
    mounted = true
  } catch {
    // Not root, or not allowed to mount.
  }
  t.teardown(() => {
    if (mounted) execFileSync('umount', ['-l', place])
    rmSync(place, { recursive: true, force: true })
  })
  return { mounted, dataDir: place }
}
