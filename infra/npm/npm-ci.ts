import { spawn } from 'node:child_process'
import { findProgram } from '../sandbox/find-program.ts'
import { faultOf } from './faults.ts'
import type { NpmProgram } from './npm-program.ts'

const TIMEOUT_MS = 180_000
/** Of what npm says, its end, where the error code is. */
const KEPT_OUTPUT = 64 * 1024

const ARGUMENTS = [
  'ci',
  '--ignore-scripts',
  '--no-bin-links',
  '--omit=dev',
  '--no-audit',
  '--no-fund',
  '--no-progress',
  '--no-update-notifier',
  '--loglevel=error',
  '--logs-max=0',
  '--fetch-retries=1',
  '--fetch-retry-mintimeout=1000',
  '--fetch-timeout=60000',
]

/**
 * Makes `node_modules` exactly what the directory's package-lock.json says; runs no script.
 *
 * @throws {InstallFault}
 */
export async function npmCi(
  directory: string,
  npm: NpmProgram,
  signal: AbortSignal,
): Promise<void> {
  const { code, output, timedOut } = await run(
    [...diesWithThisProgram(), ...npm.command, ...ARGUMENTS],
    directory,
    npm.environment,
    signal,
  )
  signal.throwIfAborted()
  if (code === 0) return
  const npmCode = timedOut ? 'ETIMEDOUT' : /npm (?:ERR!|error) code (\w+)/.exec(output)?.[1]
  throw faultOf(npmCode, {
    code: 'package-installation-failed',
    cause: `npm could not install the package: ${npmCode ?? `it ended with ${code}`}.`,
  })
}

/** npm works on after this program was killed; where the system can, it ends npm then. */
function diesWithThisProgram(): readonly string[] {
  const setpriv = findProgram('setpriv')
  return setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'KILL', '--']
}

async function run(
  [program = '', ...parameters]: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly code: number | null; readonly output: string; readonly timedOut: boolean }> {
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  const child = spawn(program, parameters, {
    cwd,
    env,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => killGroup(child.pid)
  const either = AbortSignal.any([signal, timeout])
  either.addEventListener('abort', kill, { once: true })
  let output = ''
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString('utf8')).slice(-KEPT_OUTPUT)
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  try {
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
      if (either.aborted) kill()
    })
    return { code, output, timedOut: timeout.aborted }
  } finally {
    either.removeEventListener('abort', kill)
  }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It has just ended.
  }
}
