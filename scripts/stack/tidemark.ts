import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { type Child, type ChildOptions, lastWordsOf, startChild } from './child.ts'
import { StackError } from './stack-error.ts'

const START_TIMEOUT_MS = 120_000

export type TidemarkOptions = {
  readonly root: string
  /** Its log, in files that are rotated; what it prints besides is in `output` there. */
  readonly logDirectory: string
  /** All of its configuration. */
  readonly environment: NodeJS.ProcessEnv
  readonly host: string
  readonly port: number
  readonly signal: AbortSignal
}

export type Tidemark = { readonly child: Child; readonly address: string }

/**
 * Starts Tidemark and waits until it is ready to serve.
 *
 * @throws {StackError} with its last words when it does not come up.
 */
export async function startTidemark(options: TidemarkOptions): Promise<Tidemark> {
  const { root, logDirectory, host, port } = options
  mkdirSync(logDirectory, { recursive: true })
  const child = startLogging(logDirectory, {
    command: process.execPath,
    args: ['--import', 'tsx', path.join(root, 'services', 'main', 'main.ts')],
    cwd: root,
    env: { ...options.environment, HOST: host, PORT: String(port), LOG_DIR: logDirectory },
    stopSignal: 'SIGTERM',
  })
  const address = `http://${reachable(host)}:${port}`
  try {
    await untilReady(child, address, options.signal)
    return { child, address }
  } catch (error) {
    await child.stop()
    throw error
  }
}

/** Where it had nothing to print, its last words are in its log. */
function startLogging(directory: string, options: Omit<ChildOptions, 'logFile'>): Child {
  const log = path.join(directory, 'current.log')
  const child = startChild({ ...options, logFile: path.join(directory, 'output') })
  return { ...child, lastWords: () => child.lastWords() || lastWordsOf(log) }
}

/** Where a server that listens on `host` is reached from this machine. */
function reachable(host: string): string {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}

async function untilReady(child: Child, address: string, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + START_TIMEOUT_MS
  let ended = false
  void child.exited.then(() => {
    ended = true
  })
  while (!(await isReady(address))) {
    signal.throwIfAborted()
    if (ended) throw new StackError(`Tidemark did not start:\n${child.lastWords()}`)
    if (Date.now() > deadline)
      throw new StackError(`Tidemark is not ready after two minutes:\n${child.lastWords()}`)
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
