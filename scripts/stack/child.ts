import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, fstatSync, openSync, readSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { inPlainWords } from './stack-error.ts'

const TAIL_BYTES = 2_000
const LAST_LINES = 5

export type ChildEnd = { readonly code: number | null; readonly signal: NodeJS.Signals | null }

export type ChildOptions = {
  readonly command: string
  readonly args: readonly string[]
  /** Both outputs are appended to this file, or handed over line by line. */
  readonly output: string | ((line: string) => void)
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
  readonly uid?: number
  readonly gid?: number
  /** What asks it to stop; also what it gets when this process dies without asking. */
  readonly stopSignal: 'SIGINT' | 'SIGTERM'
}

export type Child = {
  readonly pid: number
  readonly exited: Promise<ChildEnd>
  /** The last lines of its log, for the sentence that says why it died. */
  readonly lastWords: () => string
  readonly kill: (signal: NodeJS.Signals) => void
  /** Asks, waits `patienceMs`, then kills. Safe to call again. */
  readonly stop: (patienceMs?: number) => Promise<void>
}

/**
 * Starts a server in its own session (Ctrl-C in the terminal reaches only us, so that we choose
 * the order of stopping) which nevertheless ends when this process dies.
 */
export function startChild(options: ChildOptions): Child {
  const { output } = options
  const file = typeof output === 'string' ? openForAppending(output) : undefined
  const [command = '', ...args] = [...guard(options.stopSignal), options.command, ...options.args]
  const child = spawn(command, args, {
    stdio: ['ignore', file?.descriptor ?? 'pipe', file?.descriptor ?? 'pipe'],
    detached: true,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.env === undefined ? {} : { env: options.env }),
    ...(options.uid === undefined ? {} : { uid: options.uid }),
    ...(options.gid === undefined ? {} : { gid: options.gid }),
  })
  if (file !== undefined) closeSync(file.descriptor)
  const heard = typeof output === 'string' ? [] : listen(child, output)
  const exited = endOf(child)
  const kill = (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
  }
  return {
    pid: child.pid ?? 0,
    exited,
    kill,
    lastWords: () =>
      typeof output === 'string' ? lastWordsOf(output, file?.size) : inPlainWords(heard.join('\n')),
    async stop(patienceMs = 10_000) {
      const deadline = setTimeout(() => kill('SIGKILL'), patienceMs)
      kill(options.stopSignal)
      await exited
      clearTimeout(deadline)
    },
  }
}

function openForAppending(file: string) {
  const descriptor = openSync(file, 'a', 0o600)
  return { descriptor, size: fstatSync(descriptor).size }
}

/** @returns the last lines, as they are at any time. */
function listen(child: ChildProcess, onLine: (line: string) => void): readonly string[] {
  const last: string[] = []
  for (const input of [child.stdout, child.stderr])
    if (input !== null)
      createInterface({ input }).on('line', (line) => {
        last.push(line)
        if (last.length > LAST_LINES) last.shift()
        onLine(line)
      })
  return last
}

let canGuard: boolean | undefined

/** Has the kernel send the child the signal when this process dies, however it dies. Linux only. */
function guard(signal: NodeJS.Signals): readonly string[] {
  canGuard ??=
    spawnSync('setpriv', ['--pdeathsig', 'clear', 'true'], { stdio: 'ignore' }).status === 0
  return canGuard ? ['setpriv', '--pdeathsig', signal.slice('SIG'.length), '--'] : []
}

function endOf(child: ChildProcess): Promise<ChildEnd> {
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', () => resolve({ code: null, signal: null }))
  })
}

/** The last lines of a log, after its first `from` bytes; empty when it is not there. */
export function lastWordsOf(file: string, from = 0): string {
  return existsSync(file) ? inPlainWords(tail(file, from)) : ''
}

function tail(file: string, from: number): string {
  const log = openSync(file, 'r')
  try {
    const { size } = fstatSync(log)
    const length = Math.min(size - from, TAIL_BYTES)
    const buffer = Buffer.alloc(Math.max(length, 0))
    readSync(log, buffer, 0, buffer.length, size - buffer.length)
    return buffer.toString('utf8').trim().split('\n').slice(-LAST_LINES).join('\n')
  } finally {
    closeSync(log)
  }
}
