import { existsSync, realpathSync } from 'node:fs'
import path from 'node:path'
import type { Configuration, NpmRuntime } from '../../domain/installer/events.ts'
import {
  type Sandbox,
  type SandboxStatus,
  SandboxUnavailableError,
} from '../../services/ports/sandbox.ts'
import { APP, type BubblewrapProfile, bubblewrapCommand, type Command } from './bubblewrap.ts'
import { findProgram } from './find-program.ts'
import { spawnGroup } from './spawn-group.ts'

const PROBE_TIMEOUT_MS = 10_000
/** `HOME` and `TMPDIR` are the only writable place; nothing of this program's own environment. */
const BASE_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: '/tmp', TMPDIR: '/tmp' }

export type SandboxOptions = {
  /** Runtimes' directories are relative to it. */
  readonly dataDir: string
  /** `none`: the operator's explicit word to run servers with this program's own rights. */
  readonly setting: 'auto' | 'none'
  /** Path of bubblewrap; by default the one in PATH. */
  readonly bwrap?: string | undefined
}

/** Finds out what works on this machine by really starting Node in it. */
export async function createSandbox(options: SandboxOptions): Promise<Sandbox> {
  if (options.setting === 'none')
    return sandbox({ available: true, kind: 'none' }, options, unsandboxed)
  const bwrap = options.bwrap ?? findProgram('bwrap')
  if (bwrap === undefined || !existsSync(bwrap))
    return unavailable('bubblewrap (bwrap) is not installed.', options)
  const profile: BubblewrapProfile = {
    bwrap,
    prlimit: findProgram('prlimit'),
    node: realpathSync(process.execPath),
    nodeDataBytes: 0,
    disableUserNamespaces: true,
  }
  const variants = [profile, { ...profile, disableUserNamespaces: false }]
  let reason = ''
  for (const variant of variants) {
    const probed = await probe(variant)
    if (typeof probed === 'object')
      return sandbox({ available: true, kind: 'bubblewrap' }, options, (...launch) =>
        bubblewrapCommand({ ...variant, ...probed }, ...launch),
      )
    reason = probed
  }
  return unavailable(`bubblewrap does not work here: ${reason}`, options)
}

type CommandFor = (
  directory: string,
  network: 'none' | 'full',
  environment: Readonly<Record<string, string>>,
  nodeArguments: readonly string[],
) => Command

function sandbox(
  status: SandboxStatus,
  { dataDir }: SandboxOptions,
  commandFor: CommandFor | undefined,
): Sandbox {
  return {
    status,
    async spawnServer(runtime, configuration, secrets) {
      if (commandFor === undefined)
        throw new SandboxUnavailableError(status.available ? '' : status.reason)
      const directory = versionDirectory(dataDir, runtime)
      const inside = status.available && status.kind === 'none' ? directory : APP
      const environment = environmentOf(configuration, secrets)
      const parameters = [path.join(inside, runtime.entry), ...configuration.arguments]
      return spawnGroup(commandFor(directory, configuration.network, environment, parameters))
    },
  }
}

function unavailable(reason: string, options: SandboxOptions): Sandbox {
  return sandbox({ available: false, reason }, options, undefined)
}

/** With this program's rights; the kernel still ends it together with this program where it can. */
function unsandboxed(
  _directory: string,
  _network: 'none' | 'full',
  environment: Readonly<Record<string, string>>,
  nodeArguments: readonly string[],
): Command {
  const setpriv = findProgram('setpriv')
  const dying = setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL', '--']
  return { line: [...dying, realpathSync(process.execPath), ...nodeArguments], environment }
}

function environmentOf(
  { environment, secretNames }: Configuration,
  secrets: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const given = secretNames.flatMap((name) => {
    const value = secrets[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...BASE_ENVIRONMENT, ...environment, ...Object.fromEntries(given) }
}

/**
 * The real directory: what a link points to could change while the server reads.
 *
 * @throws {Error} when it is not below the data directory's `servers`.
 */
function versionDirectory(dataDir: string, { directory }: NpmRuntime): string {
  const root = realpathSync(path.join(dataDir, 'servers'))
  const real = realpathSync(path.join(dataDir, directory))
  if (!real.startsWith(root + path.sep)) throw new Error('The version directory is elsewhere.')
  return real
}

const PROBE = `fs.writeSync(1, fs.readFileSync('/proc/self/status', 'utf8'))`

/** @returns what Node takes inside, or why it does not work. */
async function probe(
  profile: BubblewrapProfile,
): Promise<Pick<BubblewrapProfile, 'nodeDataBytes'> | string> {
  try {
    const child = await spawnGroup(
      bubblewrapCommand(profile, undefined, 'none', BASE_ENVIRONMENT, ['-e', PROBE]),
    )
    const timer = setTimeout(() => void child.kill(), PROBE_TIMEOUT_MS)
    let errors = ''
    child.stderr.on('data', (chunk) => {
      errors = (errors + chunk).slice(0, 300)
    })
    let said = ''
    for await (const chunk of child.stdout) said += chunk
    const { code } = await child.exited
    clearTimeout(timer)
    if (code !== 0) return errors.trim().split('\n')[0] || `it ended with ${code}.`
    return { nodeDataBytes: Number(/^VmData:\s+(\d+) kB$/m.exec(said)?.[1] ?? 0) * 1024 }
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
