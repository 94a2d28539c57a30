import Arborist from '@npmcli/arborist'
import Config from '@npmcli/config'
import npmDefinitions from '@npmcli/config/lib/definitions/index.js'
import { capResponses } from './capped-responses.ts'
import { judgeTree, type ResolvedPackage } from './judge-tree.ts'
import type { ResolveRequest, ResolveResponse } from './resolve-tree.ts'

// A process of its own: what a package registry sends can exhaust this memory only, and the time
// that it takes can be ended from outside.

/** Documents of packages with very many versions are tens of megabytes long. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024

/** Patience is the caller's: it tries again, with a pause that it can be asked to end. */
const FETCH = { retry: { retries: 0 }, timeout: 30_000 }
const ONLY_FROM_REGISTRY = {
  allowGit: 'none',
  allowRemote: 'none',
  allowFile: 'none',
  allowDirectory: 'none',
}

process.once('disconnect', () => process.exit(1))
process.once('message', (request: ResolveRequest) => {
  void resolve(request).then((response) => {
    process.send?.(response, () => process.disconnect())
  })
})

async function resolve({ directory, npmPath }: ResolveRequest): Promise<ResolveResponse> {
  try {
    capResponses(MAX_DOCUMENT_BYTES)
    const options = { ...(await npmOptions(npmPath, directory)), ...FETCH, ...ONLY_FROM_REGISTRY }
    const arborist = new Arborist({
      ...options,
      path: directory,
      preferOnline: true,
      ignoreScripts: true,
      progress: false,
    })
    const tree = await arborist.buildIdealTree()
    const nodes = [...tree.inventory.values()].filter((node) => !node.isRoot)
    const here = { os: process.platform, cpu: process.arch }
    const fault = judgeTree(nodes.map(resolvedPackage), here)
    if (fault !== undefined) return { outcome: 'refused', ...fault }
    if (nodes.length === 0 || tree.meta === undefined) return { outcome: 'failed', code: 'E404' }
    return { outcome: 'resolved', packages: nodes.length, lock: lockOf(tree.meta) }
  } catch (error) {
    return { outcome: 'failed', code: codeOf(error) }
  }
}

async function npmOptions(npmPath: string, cwd: string) {
  const config = new Config({
    ...npmDefinitions,
    npmPath,
    argv: [process.execPath, 'npm'],
    cwd,
    warn: false,
  })
  await config.load()
  return config.flat
}

function resolvedPackage(node: Arborist.Node): ResolvedPackage {
  const manifest: Readonly<Record<string, unknown>> = { ...node.package }
  const scripts = manifest.scripts
  return {
    name: node.name,
    version: String(manifest.version ?? ''),
    fromRegistry: node.isRegistryDependency,
    isLink: node.isLink,
    inBundle: node.inBundle,
    resolved: node.resolved ?? undefined,
    integrity: node.integrity ?? undefined,
    optional: node.optional,
    os: names(manifest.os),
    cpu: names(manifest.cpu),
    scripts: typeof scripts === 'object' && scripts !== null ? { ...scripts } : {},
    hasInstallScript: manifest.hasInstallScript === true,
    gypfile: manifest.gypfile === true,
  }
}

function names(value: unknown): readonly string[] {
  return [value].flat().filter((name) => typeof name === 'string')
}

function lockOf(meta: { commit?: () => object }): string {
  return `${JSON.stringify(meta.commit?.() ?? {}, null, 2)}\n`
}

/** An error of a fetch often has the interesting one inside. */
function codeOf(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    const { code, type } = each as { readonly code?: unknown; readonly type?: unknown }
    if (typeof code === 'string') return code
    if (typeof type === 'string') return type
    if (each instanceof SyntaxError) return 'FETCH_ERROR'
  }
  return 'EUNKNOWN'
}
