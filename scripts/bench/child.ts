import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { nodeArguments } from '../../infra/node-program.ts'

export type Child = {
  readonly pid: number
  /** The first line that it printed: an address, for a server. */
  readonly address: string
  /** The next line that it prints. */
  readonly line: () => Promise<string>
  /** Sends it a line; resolves with its next one. */
  readonly ask: (line: string) => Promise<string>
  readonly stop: () => Promise<void>
}

/** A script of the benchmarks as a process of its own, once it has printed its first line. */
export async function startChild(
  program: string,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = {},
): Promise<Child> {
  const child = spawn(process.execPath, nodeArguments(program, ...args), {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...environment },
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line = async () => {
    const next = await lines.next()
    if (next.done === true) throw new Error(`${program} ended.`)
    return next.value
  }
  return {
    pid: child.pid ?? 0,
    address: await line(),
    line,
    ask(text) {
      child.stdin.write(`${text}\n`)
      return line()
    },
    stop: () => end(child),
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill()
  await once(child, 'exit')
}
