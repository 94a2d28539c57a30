import { spawn } from 'node:child_process'
import { nodeArguments } from '../../infra/node-program.ts'

const PROGRAM = import.meta.resolve('../../scripts/tidemark.ts')

export type CliRun = {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs `tidemark` as a shell would. `environment` is all that it gets besides PATH, `input` is on its stdin. */
export function tidemark(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
  input = '',
): Promise<CliRun> {
  const child = spawn(process.execPath, nodeArguments(PROGRAM, ...args), {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH, ...environment },
  })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const)
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text
    })
  // A command that ends without it breaks the pipe.
  child.stdin.on('error', () => {}).end(input)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, ...output }))
  })
}
