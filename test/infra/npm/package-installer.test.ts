import { randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import { createArtifactStore } from '../../../infra/artifacts/artifact-store.ts'
import { createNpmInstaller } from '../../../infra/npm/package-installer.ts'
import { InstallFault } from '../../../services/ports/package-installer.ts'
import { mcpPackage, misfits } from '../../support/mcp-package.ts'
import { npmFor, startNpmRegistry } from '../../support/npm-registry.ts'

const dependency = {
  ...mcpPackage('2.3.4', '@scope/helper'),
  files: { 'server.js': '', 'data.txt': 'some data' },
}
const withDependency = {
  ...mcpPackage('1.0.0', '@scope/tiny'),
  manifest: {
    bin: { other: 'other.js', tiny: 'server.js' },
    dependencies: { '@scope/helper': '^2.0.0' },
  },
}

const dataDir = mkdtempSync(path.join(tmpdir(), 'tidemark-data-'))
t.teardown(() => rmSync(dataDir, { recursive: true, force: true }))
const registry = await startNpmRegistry(t, [withDependency, dependency, ...Object.values(misfits)])
const installer = createNpmInstaller({ dataDir, npm: registry.npm, minFreeBytes: 1 })
const artifacts = createArtifactStore({ dataDir })
const { signal } = new AbortController()

const newAttempt = () => ({
  tenantId: 'acme',
  installationId: randomUUID(),
  attemptId: randomUUID(),
})
const npm = (identifier: string, version = '1.0.0') =>
  ({ kind: 'npm', identifier, version }) as const

async function install(identifier: string, attempt = newAttempt()) {
  await installer.resolve(attempt, npm(identifier), signal)
  return installer.materialise(attempt, npm(identifier), signal)
}

function faultOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'no fault',
    (error) => (error instanceof InstallFault ? error.code : String(error)),
  )
}

t.test('a package is installed with its dependencies into a directory of its own', async (t) => {
  const attempt = newAttempt()
  const runtime = await install('@scope/tiny', attempt)
  t.equal(runtime.packages, 2)
  t.equal(runtime.entry, 'node_modules/@scope/tiny/server.js')
  t.equal(
    runtime.directory,
    `servers/acme/${attempt.installationId}/versions/${attempt.attemptId}`,
    'named by ids of ours only',
  )
  const helper = path.join(dataDir, runtime.directory, 'node_modules/@scope/helper/data.txt')
  t.equal(await readFile(helper, 'utf8'), 'some data')
  t.equal((await stat(helper)).mode & 0o222, 0, 'nobody may write to it')
  t.ok(await artifacts.verifyTree(runtime))
})

t.test('doing it again has the same result and asks the registry for nothing', async (t) => {
  const attempt = newAttempt()
  const first = await install('@scope/tiny', attempt)
  const before = registry.requests.length
  t.same(await installer.materialise(attempt, npm('@scope/tiny'), signal), first)
  t.equal(registry.requests.length, before)
})

t.test('the same attempt twice at once leaves one whole version', async (t) => {
  const attempt = newAttempt()
  await installer.resolve(attempt, npm('@scope/tiny'), signal)
  const both = await Promise.all([
    installer.materialise(attempt, npm('@scope/tiny'), signal),
    installer.materialise(attempt, npm('@scope/tiny'), signal),
  ])
  t.same(both[0], both[1])
  t.ok(await artifacts.verifyTree(both[0]))
})

const refusals = [
  ['a git dependency', 'git-dependency', 'dependency-refused'],
  ['a URL dependency', 'url-dependency', 'dependency-refused'],
  ['a file dependency', 'file-dependency', 'dependency-refused'],
  ['an install script', 'install-script', 'install-scripts-refused'],
  ['an install script that the registry hides', 'hidden-install-script', 'install-scripts-refused'],
  ['bytes that are not the announced ones', 'bad-integrity', 'integrity-mismatch'],
  ['a package without a SHA-512', 'without-integrity', 'integrity-missing'],
  ['nothing to start', 'without-bin', 'no-executable'],
  ['an executable outside of itself', 'escaping-bin', 'no-executable'],
  ['a document without end', 'huge', 'registry-answer-too-large'],
  ['a document that is no JSON', 'garbage', 'package-registry-garbage'],
  ['an unknown name', 'no-such-package', 'unknown-package'],
  ['a name that is none', '../../etc', 'not-installable'],
] as const
for (const [what, identifier, code] of refusals)
  t.test(`${what} is refused as ${code}`, async (t) => {
    const attempt = newAttempt()
    t.equal(await faultOf(install(identifier, attempt)), code)
    const versions = path.join(dataDir, 'servers/acme', attempt.installationId, 'versions')
    t.notOk(existsSync(versions) && readdirSync(versions).length > 0, 'nothing is published')
  })

t.test('an unknown version is refused', async (t) => {
  const work = installer.resolve(newAttempt(), npm('@scope/tiny', '9.9.9'), signal)
  t.equal(await faultOf(work), 'unknown-package-version')
})

t.test('a torn archive is no package', async (t) => {
  const code = await faultOf(install('torn'))
  t.match(code, /^(package-registry-unreachable|package-damaged|integrity-mismatch)$/)
})

t.test('a registry that is not there is worth another try', async (t) => {
  const home = t.testdir()
  const nowhere = createNpmInstaller({ dataDir, npm: npmFor('http://127.0.0.1:9/', home) })
  const error = await nowhere.resolve(newAttempt(), npm('any'), signal).catch((error) => error)
  t.match(error, { code: 'package-registry-unreachable', transient: true })
})

t.test('a disk that is nearly full stops an install before it starts', async (t) => {
  const npmProgram = registry.npm
  const picky = createNpmInstaller({ dataDir, npm: npmProgram, minFreeBytes: 2 ** 60 })
  t.equal(await faultOf(picky.prepare(newAttempt())), 'disk-full')
})

t.test('an install is ended by its signal', async (t) => {
  const stopped = AbortSignal.abort(new Error('stopped'))
  const attempt = newAttempt()
  await installer.resolve(attempt, npm('@scope/tiny'), signal)
  await t.rejects(installer.materialise(attempt, npm('@scope/tiny'), stopped), /stopped/)
})

t.test('a changed, an added and a removed file are noticed', async (t) => {
  for (const change of ['changed', 'added', 'removed']) {
    const runtime = await install('@scope/tiny')
    const folder = path.join(dataDir, runtime.directory, 'node_modules/@scope/tiny')
    rmSync(path.join(folder, 'server.js'))
    if (change !== 'removed') await writeFile(path.join(folder, 'server.js'), 'other')
    if (change === 'added') await writeFile(path.join(folder, 'new.js'), '')
    t.notOk(await artifacts.verifyTree(runtime), change)
  }
})
