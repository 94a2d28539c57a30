import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { StackError } from './stack-error.ts'

const ACCOUNTS = ['postgres', 'nobody'] as const
const MAPPED_ID = 65_534

/** How a program that refuses to be root is run here. */
export type Unprivileged = {
  /** Put before the program and its arguments. */
  readonly prefix: readonly string[]
  /** Who must own its files; undefined = whoever we are. */
  readonly uid?: number
  readonly gid?: number
}

/**
 * An ordinary user runs it directly. Root runs it as an account that can reach both the program
 * and its directory, else in a user namespace where root's own files belong to an ordinary user.
 *
 * @param directory holds its data; exists.
 */
export function unprivileged(program: string, directory: string): Unprivileged {
  if (process.getuid?.() !== 0) return { prefix: [] }
  for (const { uid, gid } of accounts())
    if (canRun(program, directory, { prefix: [], uid, gid })) return { prefix: [], uid, gid }
  const namespace = { prefix: ['unshare', '--user', `--map-user=${MAPPED_ID}`, '--'] }
  if (canRun(program, directory, namespace)) return namespace
  throw new StackError(
    `Postgres refuses to run as root and no other account can reach ${directory}: run this as an ordinary user, move the project out of a private directory, or set DATABASE_URL.`,
  )
}

/** Reaching the directory is enough for now: its data are given to the account afterwards. */
function canRun(program: string, directory: string, as: Unprivileged): boolean {
  const script = 'cd "$1" && "$2" --version'
  const [command = 'sh', ...args] = [...as.prefix, 'sh', '-c', script, 'sh', directory, program]
  const { status } = spawnSync(command, args, {
    cwd: '/',
    stdio: 'ignore',
    ...(as.uid === undefined ? {} : { uid: as.uid }),
    ...(as.gid === undefined ? {} : { gid: as.gid }),
  })
  return status === 0
}

function accounts(): { uid: number; gid: number }[] {
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  return ACCOUNTS.flatMap((name) => {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':')
    const uid = Number(fields?.[2])
    const gid = Number(fields?.[3])
    return uid > 0 && gid > 0 ? [{ uid, gid }] : []
  })
}
