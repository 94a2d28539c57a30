import { fork } from 'node:child_process'
import { InstallFault } from '../../services/ports/package-installer.ts'
import { nodeOptions } from '../node-program.ts'
import { faultOf } from './faults.ts'
import type { NpmProgram } from './npm-program.ts'

const TIMEOUT_MS = 120_000
const HEAP_MIB = 512

export type ResolveRequest = {
  /** Has the package.json that is to be resolved. */
  readonly directory: string
  readonly npmPath: string
}

export type ResolveResponse =
  /** `lock` is the text of a package-lock.json. */
  | { readonly outcome: 'resolved'; readonly packages: number; readonly lock: string }
  | { readonly outcome: 'refused'; readonly code: string; readonly cause: string }
  | { readonly outcome: 'failed'; readonly code: string }

export type ResolvedTree = { readonly packages: number; readonly lock: string }

const CHILD = import.meta.resolve('./resolve-tree.child.ts')

/**
 * Resolves and judges in a process of its own.
 *
 * @throws {InstallFault}
 */
export async function resolveTree(
  directory: string,
  { npmPath, environment }: NpmProgram,
  signal: AbortSignal,
): Promise<ResolvedTree> {
  const child = fork(new URL(CHILD), [], {
    cwd: directory,
    env: environment,
    execArgv: [`--max-old-space-size=${HEAP_MIB}`, ...nodeOptions(CHILD)],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const ended = new Promise<NodeJS.Signals | null>((resolve) => {
    child.once('close', (_code, signal) => resolve(signal))
  })
  const timeout = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
  const stop = () => child.kill('SIGKILL')
  timeout.addEventListener('abort', stop, { once: true })
  try {
    const response = await new Promise<ResolveResponse | undefined>((resolve, reject) => {
      child.once('message', (message) => resolve(message as ResolveResponse))
      child.once('close', () => resolve(undefined))
      child.once('error', reject)
      const request: ResolveRequest = { directory, npmPath }
      child.send(request, () => {})
    })
    const endedBy = await ended
    signal.throwIfAborted()
    if (response !== undefined) return accepted(response)
    if (timeout.aborted) throw faultOf('ETIMEDOUT', FAILED)
    // V8 aborts when its heap is full.
    throw faultOf(endedBy === 'SIGABRT' ? 'EANSWERTOOLARGE' : 'EUNKNOWN', FAILED)
  } finally {
    timeout.removeEventListener('abort', stop)
    stop()
  }
}

const FAILED = {
  code: 'package-resolution-failed',
  cause: 'The dependencies of the package could not be resolved.',
}

function accepted(response: ResolveResponse): ResolvedTree {
  switch (response.outcome) {
    case 'resolved':
      return { packages: response.packages, lock: response.lock }
    case 'refused':
      throw new InstallFault(response.code, response.cause)
    case 'failed':
      throw faultOf(response.code, {
        ...FAILED,
        cause: `${FAILED.cause} npm calls it ${response.code}.`,
      })
  }
}
