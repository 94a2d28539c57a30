import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { nodeArguments } from '../../infra/node-program.ts'
import { type Child, type ChildOptions, lastWordsOf, startChild } from './child.ts'
import { StackError } from './stack-error.ts'

const MAIN = import.meta.resolve('../../services/main/main.ts')
const START_TIMEOUT_MS = 120_000

type Program = {
  readonly root: string
  /** All of its configuration besides where it listens. */
  readonly environment: NodeJS.ProcessEnv
  readonly host: string
  readonly port: number
}

export type TidemarkOptions = Program & {
  /** Its log, in files that are rotated; what it prints besides is in `output` there. */
  readonly logDirectory: string
  readonly signal: AbortSignal
}

export type Tidemark = { readonly child: Child; readonly address: string }

/**
 * Starts Tidemark and waits until it is ready to serve.
 *
 * @throws {StackError} with its last words when it does not come up.
 */
export async function startTidemark(options: TidemarkOptions): Promise<Tidemark> {
  const { environment, logDirectory, signal } = options
  mkdirSync(logDirectory, { recursive: true })
  const child = startLogging(
    logDirectory,
    tidemarkProgram({ ...options, environment: { ...environment, LOG_DIR: logDirectory } }),
  )
  const address = addressOf(options)
  let ended = false
  void child.exited.then(() => {
    ended = true
  })
  try {
    await untilReady(address, signal, () => {
      if (ended) throw new StackError(`Tidemark did not start:\n${child.lastWords()}`)
      return `Tidemark is not ready after two minutes:\n${child.lastWords()}`
    })
    return { child, address }
  } catch (error) {
    await child.stop()
    throw error
  }
}

/** What to start; where its output goes is left to say. */
export function tidemarkProgram({ root, environment, host, port }: Program) {
  return {
    command: process.execPath,
    args: nodeArguments(MAIN),
    cwd: root,
    env: { ...environment, HOST: host, PORT: String(port) },
    stopSignal: 'SIGTERM',
  } as const
}

/** Where it had nothing to print, its last words are in its log. */
function startLogging(directory: string, options: Omit<ChildOptions, 'output'>): Child {
  const log = path.join(directory, 'current.log')
  const child = startChild({ ...options, output: path.join(directory, 'output') })
  return { ...child, lastWords: () => child.lastWords() || lastWordsOf(log) }
}

/** Where a server that listens on `host` is reached from this machine. */
export function addressOf({ host, port }: Pick<Program, 'host' | 'port'>): string {
  const isAny = host === '0.0.0.0' || host === '::'
  const name = host.includes(':') ? `[${host}]` : host
  return `http://${isAny ? '127.0.0.1' : name}:${port}`
}

/**
 * @param explain says why it may take so long; may throw to give up.
 * @throws {StackError} with what `explain` says after two minutes.
 */
export async function untilReady(
  address: string,
  signal: AbortSignal,
  explain: () => string,
): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  while (!(await isReady(address))) {
    signal.throwIfAborted()
    const why = explain()
    if (Date.now() > deadline) throw new StackError(why)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

async function isReady(address: string): Promise<boolean> {
  try {
    const response = await fetch(`${address}/health/ready`, { signal: AbortSignal.timeout(2_000) })
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}
