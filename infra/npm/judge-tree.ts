/** One package of the resolved tree, as far as it is judged. */
export type ResolvedPackage = {
  readonly name: string
  readonly version: string
  /** Every edge that leads to it asks the registry for it. */
  readonly fromRegistry: boolean
  readonly isLink: boolean
  /** Comes inside another package's tarball, which has an integrity of its own. */
  readonly inBundle: boolean
  readonly resolved: string | undefined
  readonly integrity: string | undefined
  /** It may be missing, and npm leaves it out on platforms that are not its own. */
  readonly optional: boolean
  readonly os: readonly string[]
  readonly cpu: readonly string[]
  readonly scripts: Readonly<Record<string, unknown>>
  readonly hasInstallScript: boolean
  readonly gypfile: boolean
}

export type TreeFault = { readonly code: string; readonly cause: string }

const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall']
const SHA512 = /(^|\s)sha512-[A-Za-z0-9+/]{86}==/

/** @returns why the tree is not installed; undefined when every package of it is acceptable. */
export function judgeTree(
  packages: readonly ResolvedPackage[],
  platform: { readonly os: string; readonly cpu: string },
): TreeFault | undefined {
  for (const one of packages) {
    if (one.optional && !(runsOn(one.os, platform.os) && runsOn(one.cpu, platform.cpu))) continue
    const fault = judge(one)
    if (fault !== undefined) return fault
  }
  return undefined
}

function judge(one: ResolvedPackage): TreeFault | undefined {
  const title = `${one.name}@${one.version}`
  if (one.isLink || !one.fromRegistry || !isTarballUrl(one))
    return {
      code: 'dependency-refused',
      cause: `${title} does not come from the package registry: git, URL, file and link dependencies are refused.`,
    }
  if (!one.inBundle && !SHA512.test(one.integrity ?? ''))
    return {
      code: 'integrity-missing',
      cause: `The package registry gives no SHA-512 for ${title}, so its bytes cannot be checked.`,
    }
  if (hasInstallScripts(one.scripts) || one.hasInstallScript || one.gypfile)
    return {
      code: 'install-scripts-refused',
      cause: `${title} wants to run a script while it is installed, which is refused.`,
    }
  return undefined
}

function isTarballUrl({ inBundle, resolved }: ResolvedPackage): boolean {
  return inBundle || /^https?:\/\//.test(resolved ?? '')
}

export function hasInstallScripts(scripts: Readonly<Record<string, unknown>>): boolean {
  return INSTALL_SCRIPTS.some((name) => Object.hasOwn(scripts, name))
}

/** npm's `os` and `cpu` fields: a list of names, or of names that are excluded with `!`. */
function runsOn(allowed: readonly string[], here: string): boolean {
  if (allowed.length === 0 || allowed.includes('any')) return true
  if (allowed.includes(`!${here}`)) return false
  return allowed.includes(here) || allowed.every((name) => name.startsWith('!'))
}
