import path from 'node:path'
import { type Child, startChild } from './child.ts'
import { StackError } from './stack-error.ts'

const START_TIMEOUT_MS = 120_000

export type TidemarkOptions = {
  readonly root: string
  readonly logFile: string
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
  const { root, logFile, host, port } = options
  const child = startChild({
    command: process.execPath,
    args: ['--import', 'tsx', path.join(root, 'services', 'main', 'main.ts')],
    cwd: root,
    logFile,
    env: { ...options.environment, HOST: host, PORT: String(port) },
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
