import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { nodeArguments } from '../../infra/node-program.ts'
import { waitFor } from './wait-for.ts'

const START_MS = 90_000
/** `make up`. */
export const UP = import.meta.resolve('../../scripts/up.ts')
const root = path.resolve(import.meta.dirname, '../..')

type Teardown = { readonly teardown: (stop: () => unknown) => void }
type Environment = Readonly<Record<string, string>>

/** A data directory that the account which runs Postgres reaches when the tests run as root. */
export function freshDataDirectory(t: Teardown): string {
  const data = mkdtempSync(path.join(tmpdir(), 'tidemark-up-'))
  chmodSync(data, 0o755)
  t.teardown(() => rmSync(data, { recursive: true, force: true }))
  return data
}

export type ScriptRun = {
  /** Its exit code, once it has ended. */
  readonly ended: Promise<number>
  /** What it has said so far, on both outputs. */
  readonly output: () => string
  readonly kill: (signal: NodeJS.Signals) => void
}

/** Runs a program, named by the URL of its source, as make does. */
export function runProgram(
  t: Teardown,
  program: string,
  environment: Environment,
  ...args: readonly string[]
): ScriptRun {
  return runCommand(t, [process.execPath, ...nodeArguments(program, ...args)], environment)
}

/** Runs a command in the repository, in a clean environment: tap's own would put its loaders into it. */
export function runCommand(
  t: Teardown,
  command: readonly string[],
  environment: Environment,
): ScriptRun {
  const { PATH, HOME, TEST_NATS_BIN, BWRAP_BIN, TIDEMARK_TEST_RUN } = process.env
  const variables = {
    ...{ PATH, HOME, NATS_SERVER_BIN: TEST_NATS_BIN, BWRAP_BIN, TIDEMARK_TEST_RUN },
    ...environment,
  }
  const assignments = Object.entries(variables)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${value}`)
  const child = spawn('env', ['-i', ...assignments, ...command], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  const ended = once(child, 'close').then(([code]) => Number(code))
  t.teardown(() => {
    child.kill('SIGINT')
    return ended
  })
  return { ended, output: () => output, kill: (signal) => child.kill(signal) }
}

/** `make up` on its own data and any free port. */
export function up(t: Teardown, data: string, environment: Environment = {}) {
  const run = runProgram(t, UP, { DATA_DIR: data, PORT: '0', ...environment })
  const address = () =>
    waitFor('the address', () => /running at (http\S+)/.exec(run.output())?.[1], START_MS)
  return { ...run, address }
}
