import { lstatSync, readlinkSync } from 'node:fs'
import path from 'node:path'

/** Where the version directory is for the server. */
export const APP = '/app'
/** Where the Node program is for the server when it is not under /usr, as with version managers. */
const NODE_OUTSIDE_USR = '/run/tidemark/node'

const MIB = 1024 * 1024
/** The server's /tmp, its only writable place. */
const TMP_BYTES = 64 * MIB
/** JavaScript heap. */
const HEAP_MIB = 256

/** RLIMIT_DATA also counts Buffers; RLIMIT_AS is of no use, because V8 reserves far more than it takes. */
const DATA_BYTES = 592 * MIB
const LIMITS = {
  nofile: 256,
  /** Of the user namespace, not of the user: `--unshare-user` makes a new count. */
  nproc: 256,
  fsize: TMP_BYTES,
  core: 0,
}

export type BubblewrapProfile = {
  readonly bwrap: string
  /** Of util-linux; undefined = without limits on memory, files and processes. */
  readonly prlimit: string | undefined
  /** Real path of the Node program. */
  readonly node: string
  /** What this Node has of RLIMIT_DATA before it runs anything: 48 MiB up to version 22, 560 MiB from 24 on. */
  readonly nodeDataBytes: number
  /** bubblewrap from 0.8 can forbid further user namespaces. */
  readonly disableUserNamespaces: boolean
}

export type Command = {
  readonly line: readonly string[]
  /** What the program reads from its file descriptor 3. */
  readonly descriptor3?: string
  /** Of the program itself. */
  readonly environment: Readonly<Record<string, string>>
}

/**
 * Runs Node inside. bubblewrap itself gets no variable of the server, because `LD_PRELOAD` would
 * work on it, outside; and it reads its options from a pipe, because the machine's process list
 * would show every secret.
 *
 * @param directory absolute path that becomes `/app`; undefined for the probe.
 * @throws {RangeError} when a value has a NUL character in it.
 */
export function bubblewrapCommand(
  profile: BubblewrapProfile,
  directory: string | undefined,
  network: 'none' | 'full',
  environment: Readonly<Record<string, string>>,
  nodeArguments: readonly string[],
): Command {
  const underUsr = profile.node.startsWith('/usr/')
  const options = [
    ...['--unshare-user', '--unshare-all', '--die-with-parent', '--new-session', '--clearenv'],
    ...['--cap-drop', 'ALL', '--hostname', 'mcp'],
    ...(profile.disableUserNamespaces ? ['--disable-userns'] : []),
    ...(network === 'full' ? ['--share-net'] : []),
    ...['--ro-bind', '/usr', '/usr'],
    ...['/bin', '/sbin', '/lib', '/lib64'].flatMap(sameAsHost),
    ...['/etc/ssl/certs', '/etc/ld.so.cache', '/etc/alternatives'].flatMap(readOnlyIfThere),
    ...(network === 'full'
      ? ['/etc/resolv.conf', '/etc/hosts', '/etc/nsswitch.conf'].flatMap(readOnlyIfThere)
      : []),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...['--size', `${TMP_BYTES}`, '--tmpfs', '/tmp'],
    ...(underUsr ? [] : ['--ro-bind', profile.node, NODE_OUTSIDE_USR]),
    ...(directory === undefined
      ? ['--chdir', '/tmp']
      : ['--ro-bind', directory, APP, '--chdir', APP]),
    ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value]),
  ]
  if (options.some((option) => option.includes('\0')))
    throw new RangeError('A NUL character would become an option of its own.')
  const node = underUsr ? profile.node : NODE_OUTSIDE_USR
  return {
    line: [
      ...[profile.bwrap, '--args', '3', '--'],
      ...(profile.prlimit === undefined ? [] : limited(profile.prlimit, profile.nodeDataBytes)),
      ...[node, `--max-old-space-size=${HEAP_MIB}`, ...nodeArguments],
    ],
    descriptor3: options.map((option) => `${option}\0`).join(''),
    environment: {},
  }
}

function limited(prlimit: string, nodeDataBytes: number): readonly string[] {
  const limits = { ...LIMITS, data: DATA_BYTES + nodeDataBytes }
  return [prlimit, ...Object.entries(limits).map(([name, value]) => `--${name}=${value}`), '--']
}

/** Most systems have these as links into /usr, some as directories, some not at all. */
function sameAsHost(place: string): readonly string[] {
  const found = lstatSync(place, { throwIfNoEntry: false })
  if (found === undefined) return []
  if (!found.isSymbolicLink()) return ['--ro-bind', place, place]
  return ['--symlink', path.relative('/', path.resolve('/', readlinkSync(place))), place]
}

function readOnlyIfThere(place: string): readonly string[] {
  return ['--ro-bind-try', place, place]
}
