import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { InstallFault } from '../../services/ports/package-installer.ts'
import { hasInstallScripts } from './judge-tree.ts'

type Manifest = {
  readonly bin?: unknown
  readonly scripts?: unknown
}

/**
 * The registry's description of a package need not tell what is in it, so the files are looked
 * at too.
 *
 * @throws {InstallFault} `install-scripts-refused`.
 */
export async function refuseInstallScripts(directory: string): Promise<void> {
  const found = await readdir(path.join(directory, 'node_modules'), { recursive: true })
  for (const name of found) {
    if (!isPackageRoot(name)) continue
    const folder = path.join(directory, 'node_modules', path.dirname(name))
    if (name.endsWith('binding.gyp') || hasInstallScripts(scriptsOf(await manifestOf(folder))))
      throw new InstallFault(
        'install-scripts-refused',
        `${path.dirname(name)} wants to run a script while it is installed, which is refused.`,
      )
  }
}

/** `[…/node_modules/][@scope/]name/{package.json,binding.gyp}` and nothing deeper inside a package. */
const PACKAGE_ROOT =
  /^(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/@][^/]*\/(?:package\.json|binding\.gyp)$/

function isPackageRoot(name: string): boolean {
  const inner = name.slice(name.lastIndexOf('node_modules/') + 1)
  return PACKAGE_ROOT.test(name) && inner.split('/').length <= 4
}

/**
 * The script that the package wants to be started by, relative to `directory`.
 *
 * @throws {InstallFault} `no-executable`.
 */
export async function entryOf(directory: string, identifier: string): Promise<string> {
  const folder = path.join(directory, 'node_modules', identifier)
  const script = binOf(await manifestOf(folder), identifier)
  const missing = new InstallFault(
    'no-executable',
    `${identifier} has no executable of its own, so it cannot be started.`,
  )
  if (script === undefined) throw missing
  const file = path.resolve(folder, script)
  const isInside = (place: string) => place.startsWith(folder + path.sep)
  if (!isInside(file)) throw missing
  const real = await realpath(file).catch(() => undefined)
  const realFolder = await realpath(folder)
  if (real === undefined || !real.startsWith(realFolder + path.sep)) throw missing
  if (!(await stat(real)).isFile()) throw missing
  return path.relative(directory, file)
}

async function manifestOf(folder: string): Promise<Manifest> {
  try {
    const manifest: unknown = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8'))
    return typeof manifest === 'object' && manifest !== null ? manifest : {}
  } catch {
    return {}
  }
}

function scriptsOf({ scripts }: Manifest): Readonly<Record<string, unknown>> {
  return typeof scripts === 'object' && scripts !== null ? { ...scripts } : {}
}

/** The one named like the package, as npm's own `exec` chooses, else the only or first one. */
function binOf({ bin }: Manifest, identifier: string): string | undefined {
  if (typeof bin === 'string') return bin
  if (typeof bin !== 'object' || bin === null) return undefined
  const scripts = new Map<string, unknown>(Object.entries(bin))
  const own = scripts.get(identifier.slice(identifier.lastIndexOf('/') + 1))
  const script = own ?? [...scripts.values()][0]
  return typeof script === 'string' ? script : undefined
}
