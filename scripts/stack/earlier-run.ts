import { readFileSync } from 'node:fs'
import { commandLine } from './processes.ts'
import { StackError } from './stack-error.ts'

const PATIENCE_MS = 30_000

/**
 * Stops the server that an earlier run, which ended without stopping it, left behind.
 *
 * @param pidFile its first line is the server's process id; absent = nothing to do.
 * @param marker part of the server's command line: a process id may belong to somebody else by now.
 * @throws {StackError} when it does not go.
 */
export async function stopLeftover(
  pidFile: string,
  marker: string,
  signal: NodeJS.Signals,
): Promise<void> {
  const pid = pidIn(pidFile)
  if (pid === undefined || !commandLine(pid).includes(marker)) return
  process.kill(pid, signal)
  const deadline = Date.now() + PATIENCE_MS
  while (commandLine(pid).includes(marker)) {
    if (Date.now() > deadline)
      throw new StackError(
        `Process ${pid} of an earlier run does not stop: end it, then try again.`,
      )
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

function pidIn(file: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(file, 'utf8'), 10)
    return pid > 1 ? pid : undefined
  } catch {
    return undefined
  }
}
