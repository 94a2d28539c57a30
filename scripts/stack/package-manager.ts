import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { locate } from './locate.ts'
import type { Tool } from './tools.ts'

const TIMEOUT_MS = 5 * 60_000

export type Installer = {
  /** What is about to be done and from where, for people. */
  readonly description: string
  /** Failing is no fault: the next installer is tried, and the caller looks whether it worked. */
  readonly run: () => void
}

/** Ways to install `tool` on this machine that ask nothing, the ones that change least first. */
export function* installersOnThisMachine(tool: Tool, toolsDirectory: string): Generator<Installer> {
  if (locate('apt-get') !== undefined && locate('dpkg-deb') !== undefined)
    yield {
      description: `the system's package ${tool.package} (apt-get download), unpacked into ${toolsDirectory}`,
      run: () => unpackDebianPackage(tool.package, toolsDirectory),
    }
  const administrator = asAdministrator()
  const manager = systemManager(tool)
  if (administrator !== undefined && manager !== undefined)
    yield {
      description: `the system's package (${[...administrator, ...manager].join(' ')})`,
      run: () => run([...administrator, ...manager]),
    }
  if (tool.goModule !== undefined && locate('go') !== undefined)
    yield {
      description: `go install ${tool.goModule}, from the module proxy that Go is configured with, into ${toolsDirectory}`,
      run: () => goInstall(tool.goModule ?? '', path.join(toolsDirectory, 'bin')),
    }
}

/** Needs no administrator, and starts no service as installing the package would. */
function unpackDebianPackage(name: string, toolsDirectory: string): void {
  mkdirSync(toolsDirectory, { recursive: true })
  const downloads = mkdtempSync(path.join(toolsDirectory, 'download-'))
  try {
    const download = ['apt-get', 'download', '-qq', name]
    if (!run(download, downloads)) {
      const administrator = asAdministrator()
      if (administrator === undefined) return
      run([...administrator, 'apt-get', 'update', '-qq'])
      run(download, downloads)
    }
    for (const file of readdirSync(downloads))
      run(['dpkg-deb', '--extract', path.join(downloads, file), toolsDirectory])
  } finally {
    rmSync(downloads, { recursive: true, force: true })
  }
}

function goInstall(goModule: string, into: string): void {
  mkdirSync(into, { recursive: true })
  run(['go', 'install', goModule], undefined, { GOBIN: into, CGO_ENABLED: '0' })
}

/** @returns what to put before a command that needs root; undefined when that would ask a question. */
function asAdministrator(): readonly string[] | undefined {
  if (process.getuid?.() === 0) return []
  return locate('sudo') !== undefined && run(['sudo', '-n', 'true']) ? ['sudo', '-n'] : undefined
}

function systemManager(tool: Tool): readonly string[] | undefined {
  if (locate('apt-get') !== undefined)
    return ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', tool.package]
  if (locate('dnf') !== undefined) return ['dnf', 'install', '-y', '-q', tool.package]
  if (locate('apk') !== undefined) return ['apk', 'add', '--quiet', tool.package]
  return undefined
}

function run(command: readonly string[], cwd?: string, environment?: NodeJS.ProcessEnv): boolean {
  const [program = '', ...args] = command
  const { status } = spawnSync(program, args, {
    stdio: 'ignore',
    timeout: TIMEOUT_MS,
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', ...environment },
    ...(cwd === undefined ? {} : { cwd }),
  })
  return status === 0
}
