import { createHash, randomUUID } from 'node:crypto'
import { chmod, mkdir, readFile, statfs, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { NpmRuntime, NpmTarget } from '../../domain/installer/events.ts'
import {
  type Attempt,
  InstallFault,
  type PackageInstaller,
} from '../../services/ports/package-installer.ts'
import { stagingDirectory, versionDirectory } from '../artifacts/directories.ts'
import {
  hashTree,
  MANIFEST,
  makeReadOnly,
  removeTree,
  renameDurably,
  writeDurably,
} from '../artifacts/version-tree.ts'
import { faultOf } from './faults.ts'
import { entryOf, refuseInstallScripts } from './inspect-install.ts'
import { npmCi } from './npm-ci.ts'
import type { NpmProgram } from './npm-program.ts'
import { resolveTree } from './resolve-tree.ts'

const MIB = 1024 * 1024
/** npm's naming rules, as far as they keep a name from being anything but a name. */
const PACKAGE_NAME = /^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/i
const EXACT_VERSION = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?$/

export type NpmInstallerOptions = {
  readonly dataDir: string
  readonly npm: NpmProgram
  /** Less free space than this stops an install before it starts. */
  readonly minFreeBytes?: number
}

type Lock = { readonly packages: number; readonly lock: string }

export function createNpmInstaller({
  dataDir,
  npm,
  minFreeBytes = 256 * MIB,
}: NpmInstallerOptions): PackageInstaller {
  const places = ({ tenantId, installationId, attemptId }: Attempt) => ({
    staging: path.join(dataDir, stagingDirectory(tenantId, installationId, attemptId)),
    version: versionDirectory(tenantId, installationId, attemptId),
  })

  return {
    resolve: (attempt, target, signal) =>
      naming(async () => {
        const { staging } = places(attempt)
        const scratch = path.join(staging, `resolve-${randomUUID()}`)
        await mkdir(scratch, { recursive: true })
        await writeFile(path.join(scratch, 'package.json'), packageJson(target))
        const tree: Lock = await resolveTree(scratch, npm, signal)
        const kept = path.join(scratch, 'resolved.json')
        await writeDurably(kept, JSON.stringify(tree))
        await renameDurably(kept, resolvedFile(staging))
        await removeTree(scratch)
        return { packages: tree.packages, lockSha256: sha256(tree.lock) }
      }),

    prepare: (attempt) =>
      naming(async () => {
        const { staging } = places(attempt)
        await mkdir(staging, { recursive: true })
        const { bavail, bsize } = await statfs(staging)
        const freeBytes = bavail * bsize
        if (freeBytes < minFreeBytes)
          throw new InstallFault(
            'disk-full',
            `Only ${Math.floor(freeBytes / MIB)} MiB are free where servers are installed.`,
          )
        return { freeBytes }
      }),

    materialise: (attempt, target, signal) =>
      naming(async () => {
        const { staging, version } = places(attempt)
        const published = path.join(dataDir, version)
        const before = await publishedRuntime(published)
        if (before !== undefined) return before
        await removeTree(published)
        const resolved = await readResolved(staging)
        const build = path.join(staging, `build-${randomUUID()}`)
        await mkdir(build, { recursive: true })
        await writeFile(path.join(build, 'package.json'), packageJson(target))
        await writeFile(path.join(build, 'package-lock.json'), resolved.lock)
        await npmCi(build, npm, signal)
        await refuseInstallScripts(build)
        const entry = await entryOf(build, target.identifier)
        const { sha256: treeSha256, sizeBytes } = await hashTree(build)
        const { packages, lock } = resolved
        const lockSha256 = sha256(lock)
        const directory = version
        const runtime: NpmRuntime = {
          kind: 'npm',
          directory,
          entry,
          lockSha256,
          treeSha256,
          packages,
          sizeBytes,
        }
        await writeDurably(path.join(build, MANIFEST), `${JSON.stringify(runtime)}\n`)
        await makeReadOnly(build)
        return publish(build, published, runtime)
      }),
  }
}

/** A second run of the same attempt may have been faster: then its version is the one. */
async function publish(build: string, published: string, runtime: NpmRuntime): Promise<NpmRuntime> {
  await mkdir(path.dirname(published), { recursive: true })
  try {
    await renameDurably(build, published)
  } catch (error) {
    const other = await publishedRuntime(published)
    if (other === undefined) throw error
    return other
  }
  await chmod(published, 0o555)
  return runtime
}

/** @returns undefined when there is no whole version in the directory. */
async function publishedRuntime(directory: string): Promise<NpmRuntime | undefined> {
  try {
    const manifest = await readFile(path.join(directory, MANIFEST), 'utf8')
    const runtime = JSON.parse(manifest) as NpmRuntime
    return (await hashTree(directory)).sha256 === runtime.treeSha256 ? runtime : undefined
  } catch {
    return undefined
  }
}

async function readResolved(staging: string): Promise<Lock> {
  try {
    return JSON.parse(await readFile(resolvedFile(staging), 'utf8')) as Lock
  } catch {
    throw new InstallFault('staging-lost', 'What was resolved is not on the disk any more.')
  }
}

function resolvedFile(staging: string): string {
  return path.join(staging, 'resolved.json')
}

function packageJson({ identifier, version }: NpmTarget): string {
  if (!PACKAGE_NAME.test(identifier) || !EXACT_VERSION.test(version))
    throw new InstallFault(
      'not-installable',
      'The catalogue entry does not name an npm package with an exact version.',
    )
  const manifest = { private: true, dependencies: { [identifier]: version } }
  return `${JSON.stringify(manifest, null, 2)}\n`
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** What the file system refuses gets a name that a person can act on. */
async function naming<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof InstallFault || !(error instanceof Error) || !('code' in error))
      throw error
    const code = String(error.code)
    throw code === 'ENOSPC' || code === 'EDQUOT'
      ? faultOf(code, { code: 'disk-full', cause: 'The disk is full.' })
      : error
  }
}
